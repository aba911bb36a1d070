"""The state of the contract's graph. Nodes that run in parallel write only `judged`, `typed` and
`made`."""

from __future__ import annotations

import operator
from typing import Annotated

from typing_extensions import TypedDict

from tandem.nodes.contract.asking import Judged
from tandem.nodes.contract.checklist import Item
from tandem.nodes.state import State
from tandem.records import Attempt, TierName


class Asked(TypedDict):
    """An item that a tier was asked; `judged` is empty where it gave no answer."""

    item: str
    tier: TierName
    judged: list[Judged]


class Typed(TypedDict):
    """The type of a clause that the SLM chose; empty for none."""

    clause: str
    type: str


class ContractState(State, total=False):
    """What travels between the nodes of the contract's graph. JSON-plain, as State."""

    open: list[list[Item]]
    """Items that the head did not decide, in the groups that they are asked in."""
    ask: TierName | None
    """Whom they go to; None: nobody."""
    group: list[Item]
    """The items in hand; in what Send gives to one node."""
    untyped: list[str]
    """Clauses whose type the SLM is asked."""
    clause: str
    """The clause in hand; as `group`."""
    typed: Annotated[list[Typed], operator.add]
    judged: Annotated[list[Asked], operator.add]
    made: Annotated[list[Attempt], operator.add]
    """Attempts of single groups and clauses; `conclude` adds them to `attempts`."""
