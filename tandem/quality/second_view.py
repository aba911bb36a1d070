"""A second, cheap view of a document's grand total and date: regular expressions over its lines.

Two readers that err differently are seldom wrong in the same way, so their agreement is worth more
than the confidence of either. Labels in English, Dutch, French, German, Spanish and Italian.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from itertools import takewhile
from typing import Any, Final

from tandem.quality.dates import find_dates
from tandem.quality.sellers import is_no_seller, seller_of
from tandem.quality.totals import TOTAL, amount_of
from tandem.quality.values import DecimalMark, decimal_mark, parse_number
from tandem.records import GateFailure

DATE_FIELDS: Final = (
    "date",
    "invoice_date",
    "document_date",
    "receipt_date",
    "issue_date",
    "transaction_date",
)
_STRONG: Final = re.compile(
    r"grand\s*total|total\s*(?:amount\s*)?(?:due|payable|to\s*pay|ttc|rounded)|"
    r"rounded\s*total|total\s*round|balance\s*due|amount\s*(?:due|payable)|nett?\s*total|"
    r"total\s*\(?(?:rm|incl|inclusive)|total\s*(?:sales|amount|amt)?\s*\(?\s*(?:incl|inclusive)|"
    r"te\s*betalen|totaalbedrag|net\s*[aà]\s*payer|gesamtbetrag|endbetrag|rechnungsbetrag|"
    r"importe\s*total|total\s*a\s*pagar|totale\s*(?:fattura|da\s*pagare)",
    re.IGNORECASE,
)
_WEAK: Final = re.compile(
    r"\btota(?:l|al|le)\b|\bsumme\b|\bgesamt\b|\bnett?\b|\bnett?\s*am", re.IGNORECASE
)
_NOT_GRAND: Final = re.compile(
    r"sub\s*-?\s*tot|zwischensumme|tax\b|\bgst\s*(?:amt|amount|@|\d|:)|\bvat\b|\bbtw\b|\btva\b|"
    r"\bmwst\b|\biva\b|qty|quantity|items?\b|excl|\bht\b|sav(?:ed|ing)|discount|points?|change|"
    r"included|includes|summary|tender|total\s*gst|total\s*\d+\s*%",
    re.IGNORECASE,
)
_PART: Final = re.compile(r"sub\s*-?\s*tot|zwischensumme|excl|\bht\b", re.IGNORECASE)
_TAX_SUMMARY: Final = re.compile(r"(?:gst|vat|tax)\s*summary", re.IGNORECASE)
_ROUNDING: Final = re.compile(r"\bro?u?nd(?:ing)?\b", re.IGNORECASE)
_CHANGE: Final = re.compile(
    r"\b(?:change|wisselgeld|rendu|r[uü]ckgeld|cambio|resto)\b", re.IGNORECASE
)
_INCLUSIVE: Final = re.compile(r"incl(?!ude)", re.IGNORECASE)
_AMOUNT: Final = re.compile(
    r"(?<![\d.,%/:-])(?:(?:RM|MYR|USD|EUR|GBP|Rs\.?|[$€£₹¥])\s*)?-?"
    r"(?P<number>\d{1,3}(?:[.,'\u2019 \u00a0\u202f]\d{3})*[.,]\d{2}|\d+[.,]\d{2})"
    r"(?![\d%/:]|[.,]\d|\s?%)"
)
_WHOLE_AMOUNT: Final = re.compile(r"(?:RM|Rs\.?|INR|JPY|[$€£₹¥])\s*(?P<number>\d[\d,]*)(?![\d.,%])")
_DATE_LABEL: Final = re.compile(
    r"\b(?:invoice|bill|receipt|order|issue)?\s*(?:date|datum|data|fecha)\b|"
    r"factuurdatum|rechnungsdatum|date\s*de\s*(?:la\s*)?facture",
    re.IGNORECASE,
)
_OTHER_DATE: Final = re.compile(
    r"due|d[eé]livery|period|expir|valid|birth|check[\s-]*(?:in|out)|ship|paid|pay|verval|"
    r"[eé]ch[eé]ance|f[aä]llig|order\s*date|orderdatum|printed",
    re.IGNORECASE,
)
_LOOK_AHEAD_LINES: Final = 3


def second_view_gate(output: Any, source_text: str, *, strict: bool = True) -> list[GateFailure]:
    """Gate "second_view": a grand total and a document date are those that this view finds first,
    and a seller is none that the document speaks against.

    Only top-level fields with the usual names are compared, and only where this view finds
    anything. Strict is for the SLM, whose refused answer the LLM makes good. Not strict, any
    labelled total, date and seller will do: of 293 receipts this view puts the right total first on
    281 and among its candidates on 286, and what is refused of the LLM is lost.
    """
    if not isinstance(output, Mapping):
        return []
    details = []
    total, totals = amount_of(output, TOTAL), total_candidates(source_text)
    if total and totals and total[1] not in (totals[:1] if strict else totals):
        details.append(f"{total[0]}: another amount looks like the grand total")
    if strict and total and not totals and total[1] in part_amounts(source_text):
        details.append(f"{total[0]}: it is labelled as a part of one")
    day, days = _date_of(output), date_candidates(source_text)
    if day and days and day[1] not in (days[:2] if strict else days):
        details.append(f"{day[0]}: another date looks like the document's")
    if strict and total and (name := seller_of(output)) and is_no_seller(name[1], source_text):
        details.append(f"{name[0]}: the document names another seller, or this one otherwise")
    return [GateFailure(gate="second_view", detail=detail) for detail in details]


def with_seen_total(output: Any, source_text: str) -> Any:
    """`output` with the total that this view sees, where it sees exactly one and `output` names
    another; else `output` itself.

    Of 17 totals of an SLM that were refused so, none was right, and this view's was on 16; asked
    again, a larger model was right on 17 of 20.
    """
    if not isinstance(output, Mapping):
        return output
    total, seen = amount_of(output, TOTAL), total_candidates(source_text)
    if total is None or len(seen) != 1 or total[1] == seen[0]:
        return output
    mark: DecimalMark = decimal_mark(source_text) or "."
    amounts = written_amounts(source_text)
    text = next((one for one in amounts if parse_number(one, mark) == seen[0]), None)
    if text is None:
        return output
    value = text if isinstance(output[total[0]], str) else float(seen[0])
    return {**output, total[0]: value}


def _date_of(output: Mapping[str, Any]) -> tuple[str, date] | None:
    for name in DATE_FIELDS:
        found = find_dates(value) if isinstance(value := output.get(name), str) else []
        if found:
            return name, found[0].readings[0]
    return None


def written_amounts(text: str) -> list[str]:
    """The amounts of money in `text` as it writes them, in reading order, without repeats."""
    found = [*_AMOUNT.finditer(text), *_WHOLE_AMOUNT.finditer(text)]
    found.sort(key=lambda match: match.start())
    signed = (("-" if "-" in one[0] else "") + " ".join(one["number"].split()) for one in found)
    return list(dict.fromkeys(signed))


def total_candidates(text: str) -> list[Decimal]:
    """Amounts that may be the document's grand total, the likeliest first; [] where none is seen.

    In this order: what was tendered less the change; amounts labelled "Grand total", "Amount due"
    and the like, or "Total" behind a rounding, the last first; amounts labelled "Total", the most
    frequent first. A label's amount stands on its line, on one of the three lines after it
    (receipts read by OCR break the row apart), or at its place in a column of amounts that follows
    a column of labels.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    mark: DecimalMark = decimal_mark(text) or "."
    strong: list[Decimal] = []
    weak: list[Decimal] = []
    for index, line in enumerate(lines):
        if _TAX_SUMMARY.search(line):
            break
        if not _is_total_label(line):
            continue
        if amount := _amount_across(lines, index, mark) or _amount_near(lines, index, mark):
            rounded = any(_ROUNDING.search(before) for before in lines[max(index - 2, 0) : index])
            (strong if rounded or _STRONG.search(line) else weak).append(amount)
    return _distinct([*_tendered_less_change(text, mark), *reversed(strong), *_by_count(weak)])


def part_amounts(text: str) -> set[Decimal]:
    """Amounts whose label says that they are no grand total: a subtotal, a sum without tax."""
    lines = [line for line in text.splitlines() if line.strip()]
    mark: DecimalMark = decimal_mark(text) or "."
    labels = [
        (index, match.end()) for index, line in enumerate(lines) if (match := _PART.search(line))
    ]
    found = (_first_amount(lines[index][end:], lines[index + 1 :], mark) for index, end in labels)
    return {amount for amount in found if amount is not None}


def _first_amount(rest: str, below: list[str], mark: DecimalMark) -> Decimal | None:
    """The first amount in the `rest` of a label's line, else the one `below` it."""
    if match := _AMOUNT.search(rest) or _WHOLE_AMOUNT.search(rest):
        return parse_number(match["number"], mark)
    return _amount_near(["", *below], 0, mark)


def _tendered_less_change(text: str, mark: DecimalMark) -> list[Decimal]:
    """Amounts followed by the tendered sum and the change that they leave."""
    if not _CHANGE.search(text):
        return []
    amounts = [parse_number(match["number"], mark) or Decimal() for match in _AMOUNT.finditer(text)]
    triples = zip(amounts, amounts[1:], amounts[2:], strict=False)
    return [total for total, tendered, change in triples if total > 0 < change == tendered - total]


def _is_total_label(line: str) -> bool:
    if not (_STRONG.search(line) or _WEAK.search(line)):
        return False
    refused = _NOT_GRAND.search(line)
    return not refused or bool(_INCLUSIVE.search(line) and not re.search("excl", line, re.I))


def _amount_across(lines: list[str], index: int, mark: DecimalMark) -> Decimal | None:
    """The amount of a label in a column of labels that a column of as many amounts follows."""
    first, after = index, index
    while first > 0 and _is_label(lines[first - 1]):
        first -= 1
    while after < len(lines) and _is_label(lines[after]):
        after += 1
    column = list(takewhile(bool, map(_lone_amount, lines[after:])))
    if len(column) != after - first or len(column) < 2:
        return None
    return parse_number(column[index - first], mark)


def _is_label(line: str) -> bool:
    return bool(re.search(r"[^\W\d_]{3}", line)) and not _AMOUNT.search(line)


def _lone_amount(line: str) -> str:
    match = None if re.search(r"[^\W\d_]{3}", line) else _AMOUNT.search(line)
    return match["number"] if match else ""


def _amount_near(lines: list[str], index: int, mark: DecimalMark) -> Decimal | None:
    for step, line in enumerate(lines[index : index + 1 + _LOOK_AHEAD_LINES]):
        if step and re.search(r"[^\W\d_]{4}", line):
            return None
        matches = list(_AMOUNT.finditer(line)) or list(_WHOLE_AMOUNT.finditer(line))
        if matches:
            return parse_number(matches[-1]["number"], mark)
    return None


def _by_count(amounts: list[Decimal]) -> list[Decimal]:
    """The most frequent first; among equals the larger."""
    return sorted(amounts, key=lambda amount: (-amounts.count(amount), -amount))


def _distinct(amounts: Iterable[Decimal]) -> list[Decimal]:
    return list(dict.fromkeys(amounts))


def date_candidates(text: str) -> list[date]:
    """Dates that may be the document's own, the likeliest first, every reading kept.

    Dates labelled "date" first, then the others from the top; dates labelled as due, delivery or
    period last.
    """
    found = find_dates(text)
    ends = [0, *(one.end for one in found)]
    ranked = sorted(
        zip(ends, found, strict=False),
        key=lambda pair: (_date_rank(text[pair[0] : pair[1].start]), pair[1].start),
    )
    return list(dict.fromkeys(reading for _, one in ranked for reading in one.readings))


def _date_rank(before: str) -> int:
    """0 a labelled date, 1 an unlabelled one, 2 another thing's date; by the text before it."""
    label = " ".join(before[-40:].splitlines()[-2:])
    if _OTHER_DATE.search(label):
        return 2
    return 0 if _DATE_LABEL.search(label) else 1
