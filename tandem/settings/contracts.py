"""Contract review: its checklist, its head, and what is asked of models."""

from __future__ import annotations

from pydantic import Field

from tandem.records import TierName
from tandem.settings.base import Section


class ContractSettings(Section):
    """See docs/contracts.md."""

    checklist: str = ""
    """A JSON file of hypotheses; empty: the 17 on non-disclosure agreements that ship."""
    head: str = ""
    """A file of `tandem contracts train`; empty: the head that ships."""
    least: float = Field(default=0.8, ge=0, le=1)
    """Least calibrated probability of a verdict of the head; below it a model is asked."""
    type_least: float = Field(default=0.7, ge=0, le=1)
    """Least calibrated probability of a clause's type; below it the clause stays without one."""
    slm_types: int = Field(default=0, ge=0, le=1000)
    """Clauses of a contract, below `type_least`, whose type the SLM chooses among the head's five
    likeliest; 0: none."""
    ask_slm: bool = False
    """Ask the SLM what the head is not sure of, where the LLM must not see the contract."""
    must_agree: tuple[TierName, ...] = ("slm",)
    """Tiers whose verdict counts only where it is the head's likeliest; else a person looks."""
    passages: int = Field(default=4, ge=1, le=50)
    """Segments of the contract that a model is shown for one hypothesis."""
    together: int = Field(default=10, ge=1, le=50)
    """Open hypotheses that the LLM is asked in one call, over the passages of all of them; 1: each
    by itself, which takes three times the tokens and leaves less to mix up."""
    read_all: bool = False
    """Show a model all segments, group by group, before a hypothesis that the head does not know
    counts as not mentioned."""
    contracts_only: bool = True
    """Refuse to check by a checklist what does not read like a contract in English."""
    max_segments: int = Field(default=5000, ge=1, le=100_000)
    """Segments (sentences) of a contract that are read; the coverage tells what was not."""
