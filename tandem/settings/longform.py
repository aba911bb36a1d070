"""Long texts: how long they are by default, and how their evidence is found."""

from __future__ import annotations

from pydantic import Field

from tandem.settings.base import Section


class LongformSettings(Section):
    """What the task `longform` goes by."""

    words: int = Field(default=800, ge=50, le=100_000)
    """Length of a text whose request names none."""
    max_words: int = Field(default=5000, ge=100, le=100_000)
    """A request for more is refused."""
    page_words: int = Field(default=450, ge=100, le=1000)
    """Words of a page, where a request asks for pages."""
    section_words: int = Field(default=220, ge=100, le=1000)
    """What a section should have; decides how many there are, 12 at most."""
    passages: int = Field(default=3, ge=0, le=10)
    """Passages of the knowledge base and of the documents that a section is given."""
    min_score: float = Field(default=0.45, ge=-1, le=1)
    """Least cosine of a passage of the knowledge base."""
