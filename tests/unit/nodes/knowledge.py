"""A knowledge base of two passages for unit tests."""

from __future__ import annotations

from dataclasses import dataclass, field

from tandem.knowledge.chunks import Chunk
from tandem.knowledge.index import Hit

LEAVE = "Employees with 3 to 15 years of service earn six hours of annual leave per pay period."
VOUCHER = (
    "File the [travel voucher](https://example.org/voucher) within 5 business days. "
    "Questions go to travel@example.org."
)


def hit(source: str, heading: str, text: str, cosine: float) -> Hit:
    chunk = Chunk(
        id=f"{source}#1", source=source, heading=heading, text=text, start=0, end=len(text)
    )
    return Hit(chunk=chunk, score=cosine + 0.1, cosine=cosine, lexical=2.5)


@dataclass
class FakeSearcher:
    """Gives its hits whatever is asked, and keeps what was asked."""

    hits: list[Hit] = field(
        default_factory=lambda: [
            hit("leave.md", "Leave > Annual leave", LEAVE, 0.8),
            hit("travel.md", "Travel > Voucher", VOUCHER, 0.5),
        ]
    )
    asked: list[str] = field(default_factory=list)

    def search(self, text: str, k: int, tenant: str = "") -> list[Hit]:
        self.asked.append(text)
        return self.hits[:k]
