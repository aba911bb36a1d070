"""A small contract, and what tests make of it."""

from __future__ import annotations

from typing import Any

from tandem.nodes.contract.output import Prepared
from tandem.nodes.contract.reading import Reader
from tandem.settings import ContractSettings

NDA = """MUTUAL NON-DISCLOSURE AGREEMENT

This Agreement is made as of March 3, 2020 between Alpha Ltd. and Beta Inc. (the "Parties").

1. Confidential Information means any information, written or oral, that a Party discloses.

2. The Receiving Party shall:
(a) use Confidential Information for no purpose other than the Purpose;
(b) disclose Confidential Information only to its employees who need to know it.

3. The Receiving Party shall not reverse engineer any samples of the Disclosing Party.

4. This Agreement shall be governed by the laws of the State of New York.

5. This Agreement renews for successive one (1) year terms unless either Party gives notice of
non-renewal at least sixty (60) days prior to the end of the term.
"""


def reader(**settings: Any) -> Reader:
    return Reader(ContractSettings(**settings), read=lambda document: document["text"])


def prepared(text: str = NDA, labels: list[str] | None = None, **settings: Any) -> Prepared:
    request: dict[str, Any] = {"text": text}
    if labels is not None:
        request["labels"] = labels
    return reader(**settings)(request)  # type: ignore[arg-type]
