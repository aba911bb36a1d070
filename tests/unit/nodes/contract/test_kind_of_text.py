"""What is a contract, and what only speaks of one."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tandem.errors import InvalidRequest
from tandem.nodes.contract.kind_of_text import kind_of_text
from tests.unit.nodes.contract import plain
from tests.unit.nodes.contract.samples import NDA, prepared

DATASETS = Path(__file__).parents[4] / "evals" / "datasets"
LETTER = """Dear Ms Harper,

Thank you for your letter of 3 May. We were sorry to hear that the chairs arrived late and that two
of them were damaged. Our driver will bring new ones on Friday and take the damaged ones with him.

Yours sincerely,
Tom Baker"""
LAWYER = """Dear Ms Adams,

You asked us whether you may end the supply agreement with Delta before the end of its term. We have
read the agreement and think that you may. Clause 9 lets either party terminate with three months'
notice if the other one is in breach and does not remedy the breach within 30 days. Delta may claim
that it is not liable for damages, since the delays were beyond its control.

Kind regards,
Oliver King"""
MAIL = """Hi Paul,

please find attached the signed agreement with Acme. They have accepted our changes to clause 7 and
the new payment terms. The contract starts on 1 June. We shall need a purchase order.

Thanks,
Rita"""
CANCELLED = """Dear Sir or Madam,

I hereby give notice of termination of my mobile phone contract, number 4711, with effect from 30
September. Please confirm the receipt of this letter and the date on which the contract ends.

Yours faithfully,
John Smith"""
RECEIPT = """CORNER SHOP
12 High Street, Bath
Milk 2 pints 1.20
Bread wholemeal 1.45
TOTAL 2.65
Thank you for shopping with us. Keep this receipt for returns within 30 days."""
NEWS = """A court in Delaware ruled on Tuesday that the software maker must pay 40 million dollars
in damages to its former partner. The judge found that the company was in breach of the licence
agreement that the parties had signed in 2015. Both parties may appeal."""
MINUTES = """Minutes of the board meeting of 5 March

1. The minutes of the last meeting were approved.
2. B. Young reported on sales, which rose by four per cent.
3. The contract with the cleaning company ends in June. A. Miller will ask for new offers."""
LEASE = """Room rental agreement

1. The landlord lets the room on the second floor of 5 Oak Road to the tenant from 1 May 2024.
2. The rent is 600 pounds a month and is due on the first of each month.
3. Either party may terminate this agreement with one month's notice in writing.
4. The tenant pays a deposit of 600 pounds. The tenant must not sublet the room."""
TERMS = """Terms of Service

By using the app you agree to these terms. If you do not agree, do not use the app.

1. We may end your account if you break these terms.
2. We give no warranty that the app is free of errors, and are not liable for losses.
3. These terms are governed by the laws of England. The courts of London have jurisdiction."""
LETTER_AGREEMENT = """Dear Mr Stone,

This letter agreement sets out the terms on which Apex LLC ("Apex") will work for Borealis Inc.

1. Apex shall provide the services described in the statement of work.
2. Either party may terminate this letter agreement on fourteen days' written notice.
3. Apex's liability is limited to the fees paid hereunder.
4. This agreement is governed by the laws of the State of New York.

Sincerely,
Laura West"""


@pytest.mark.parametrize(
    "text",
    [
        LETTER,
        LAWYER,
        MAIL,
        CANCELLED,
        RECEIPT,
        NEWS,
        MINUTES,
        "",
        "Ein Brief an Dich.",
        plain.HANDBOOK,
    ],
)
def test_a_letter_a_receipt_and_news_are_no_contracts(text: str) -> None:
    assert kind_of_text(text) == "other"


@pytest.mark.parametrize("text", [NDA, LEASE, TERMS, LETTER_AGREEMENT, *plain.PLAIN])
def test_contracts_in_plain_words_are_contracts(text: str) -> None:
    assert kind_of_text(text) == "contract"


def test_numbered_clauses_without_a_name_leave_a_doubt() -> None:
    assert kind_of_text(plain.UNTITLED) == "doubtful"
    assert prepared(plain.UNTITLED)["doubtful_kind"]
    assert not prepared(NDA)["doubtful_kind"]
    assert prepared(LETTER, contracts_only=False)["doubtful_kind"]


def test_none_of_the_real_agreements_is_refused() -> None:
    lines = (DATASETS / "contracts.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["input"] for line in lines]
    assert len(texts) == 12
    assert {kind_of_text(text) for text in texts} == {"contract"}


def test_annexes_do_not_make_a_contract_something_else() -> None:
    assert kind_of_text(NDA + "\nBolt M4, galvanised, 20 mm.\n" * 2000) == "contract"


def test_what_is_no_contract_is_refused_unless_the_settings_say_otherwise() -> None:
    with pytest.raises(InvalidRequest, match="does not read like a contract"):
        prepared(LETTER)
    assert prepared(LETTER, contracts_only=False)["items"]


def test_without_a_checklist_a_single_clause_will_do() -> None:
    assert prepared("The fee is due within thirty days of the invoice.", labels=[])["clauses"]


@pytest.mark.parametrize(
    "piece", ["this ", "(", "governed ", "a", " ", "terms of ", "Dear\n", "1. "]
)
def test_long_texts_are_read_in_a_moment(piece: str) -> None:
    begun = time.perf_counter()
    kind_of_text(piece * 30_000)
    assert time.perf_counter() - begun < 2
