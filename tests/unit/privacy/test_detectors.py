from __future__ import annotations

import string
import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tandem.privacy import checksums
from tandem.privacy.detectors import Finding, highest, rank, scan
from tandem.privacy.normalise import normalise
from tandem.records import SENSITIVITIES

CARD = "4111111111111111"
SEPARATORS = ["", " ", "-", "\n", "\t", "  ", " - ", "\u200b", "\u00a0", "\u2013", "_", "\r\n"]


def types(text: str) -> set[str]:
    return {finding.type for finding in scan(text)}


def level(text: str) -> str:
    return highest(finding.sensitivity for finding in scan(text))


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("EMAIL", "write to ana.lopez+x@mail.example.co.uk please"),
        ("EMAIL", "alice (at) example (dot) com"),
        ("EMAIL", "mailto:alice%40example.com"),
        ("PHONE", "+44 7700 208 815"),
        ("PHONE", "(602)272-9781"),
        ("PHONE", "TEL:03-3362 4395"),
        ("PHONE", "call me at 9472 7916"),
        ("PHONE", "0033 1 23 45 67 89"),
        ("PHONE", "03.93.92.16.85"),
        ("PHONE", "723 813 266 office"),
        ("PHONE", "What is wrong with the number 9472 7916?"),
        ("PHONE", "2813882583 is my new number"),
        ("PHONE", "M: 21 253 109 8211"),
        ("PHONE", "update my telephone number to 74 831 591"),
        ("PHONE", "I called 432 03 163 yesterday"),
        ("PAYMENT_CARD", "4111-1111-1111-1111"),
        ("PAYMENT_CARD", "4111.1111.1111.1111"),
        ("PAYMENT_CARD", "3782 822463 10005"),
        ("PAYMENT_CARD", "room 5 4111 1111 1111 1111 12/26"),
        ("PAYMENT_CARD", "my card is 6304 0000 0000"),
        ("IBAN", "DE89 3704 0044 0532 0130 00"),
        ("IBAN", "gb82west12345698765432"),
        ("IBAN", "MT84MALT011000012345MTLCAST001S"),
        ("BANK_ACCOUNT", "account number: 12345678"),
        ("US_SSN", "054-28-6917"),
        ("US_SSN", "my SSN is 054286917"),
        ("NL_BSN", "BSN 111222333"),
        ("FR_NIR", "1 84 12 76 451 089 46"),
        ("ES_DNI", "12345678Z"),
        ("UK_NINO", "AB 12 34 56 C"),
        ("BR_CPF", "123.456.789-09"),
        ("IT_CODICE_FISCALE", "RSSMRA85T10A562S"),
        ("BE_NATIONAL", "85.07.30-033.28"),
        ("PL_PESEL", "PESEL 44051401359"),
        ("DE_STEUER_ID", "Steuer-ID: 86095742719"),
        ("PASSPORT", "passport number C01X00T47"),
        ("STREET_ADDRESS", "10 Downing Street, London SW1A 2AA"),
        ("STREET_ADDRESS", "Hauptstraße 12, 10115 Berlin"),
        ("STREET_ADDRESS", "12 rue Victor Hugo, 75001 Paris"),
        ("STREET_ADDRESS", "NO 122 JALAN DEDAP 13"),
        ("STREET_ADDRESS", "P.O. Box 211"),
        ("STREET_ADDRESS", "Postfach 71"),
        ("STREET_ADDRESS", "here they are: 03751 Gerrit Achterberghove 137"),
        ("DE_STEUER_ID", "meine Steuer-ID lautet 86 095 742 719"),
        ("BIRTH_DATE", "Karl Brandt, geb. 03.11.1962"),
        ("BIRTH_DATE", "1985-02-17 is the date of birth of Emma Lind"),
        ("BIRTH_DATE", "Anna was born on 12 March 1980"),
        ("BIRTH_DATE", "DOB: 1980-03-12"),
        ("HEALTH", "My diagnosis came today"),
        ("HEALTH", "Anna Meier has diabetes"),
        ("HEALTH", "she was diagnosed with asthma"),
        ("HEALTH", "my daughter has epilepsy"),
        ("HEALTH", "I suffer from migraines"),
        ("HEALTH", "She takes lithium for her bipolar disorder"),
        ("HEALTH", "Mr Osei has been on sick leave"),
        ("FINANCIAL", "Laura Chen earns 84,000 euros a year"),
        ("FINANCIAL", "I make 62k a year"),
        ("FINANCIAL", "She is 9,000 pounds in debt"),
        ("FINANCIAL", "the salary of John Smith"),
        ("FINANCIAL", "my monthly salary is about 4,200"),
        ("FINANCIAL", "he owes $3000"),
    ],
)
def test_the_least_contract_is_personal(kind: str, text: str) -> None:
    assert kind in types(text)
    assert level(text) == "personal"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("PASSWORD", "my password is hunter2"),
        ("PASSWORD", "my password is hunter2  # pragma: allowlist secret"),
        ("PASSWORD", "Password: Tr0ub4dor&3"),
        ("PASSWORD", "password for the vpn is 'swordfish'"),
        ("PASSWORD", "Mein Passwort ist geheim99"),
        ("PASSWORD", "PIN 4321"),
        ("PASSWORD", "network Lynx, password tangerine-42-lamp"),
        ("PASSWORD", "I changed my password to Winter2031! yesterday"),
        ("PASSWORD", "the verification code you sent was 602914, sadly"),
        ("API_KEY", "the recovery key of my vault is A3-XK9P2M-7QH4TZ"),
        ("API_KEY", "AKIAIOSFODNN7EXAMPLE"),
        ("API_KEY", "ghp_abcdefghijklmnopqrstuvwxyz0123456789"),
        ("API_KEY", "use sk-proj-abcDEF1234567890abcDEF"),
        ("API_KEY", "xoxb-1234567890-abcdefgh"),
        ("API_KEY", "api_key = 9f8a7b6c5d4e3f2a1b0c"),
        ("PRIVATE_KEY", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNz"),
        ("JWT", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc_def-123"),
        ("BEARER_TOKEN", "Authorization: Bearer abcdef1234567890abc"),
        ("URL_PASSWORD", "postgres://bob:pw1@host/db"),
    ],
)
def test_keys_and_passwords_are_secret(kind: str, text: str) -> None:
    assert kind in types(text)
    assert level(text) == "secret"


@pytest.mark.parametrize("text", ["server 192.168.1.20 is down", "ping 2001:db8::1", "Mr. Smith"])
def test_names_with_titles_and_addresses_of_machines_are_internal(text: str) -> None:
    assert level(text) == "internal"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Hello please help with the bank card",
        "My card payment was declined, why?",
        "my password is wrong",
        "Get a one-time password?",
        "what is my pin",
        "password: required",
        "the password is available in person",
        "your password is due to expire within 14 days",
        "a password must have 12 characters; the password sha256 hash",
        "Our server suffers from a slow disk",
        "Greece owes the IMF 1.6 billion euros",
        "If Melissa earned $26 from it",
        "reach us via email 5 business days before",
        "the api key is needed",
        "Order 1234567890 of 2020-01-02, total 1,234,567.89",
        "Invoice INV-2020-000123 dated 12/05/2020",
        "meeting at 12:30:45 on 01-02-2020",
        "Gold makes $1,300 for the first time since 2011",
        "4111 1111 1111 1112",
        "version 1.2.3, build 20240101",
        "We were born to win in 20 years",
        "5 minutes down the road",
        "I called about order 12345678",
        "The call centre took 1 200 000 calls",
        "mobile revenue was 12 345 678 euros",
        "the phone was sold 12000000 times",
        "Contact us about invoice no. 20231234",
    ],
)
def test_harmless_texts_stay_public(text: str) -> None:
    assert scan(text) == []


@given(st.lists(st.sampled_from(SEPARATORS), min_size=15, max_size=15))
def test_a_card_is_found_in_any_spacing(separators: list[str]) -> None:
    written = "".join(a + b for a, b in zip(CARD, [*separators, ""], strict=True))
    found = [f for f in scan(f"pay with {written}, thanks") if f.type == "PAYMENT_CARD"]
    assert [(f.start, f.end) for f in found] == [(9, 9 + len(written))]


@pytest.mark.parametrize("zero", [0x0660, 0x0966, 0xFF10, 0x1D7CE], ids=hex)
def test_digits_of_other_scripts_are_digits(zero: int) -> None:
    written = "".join(chr(zero + int(digit)) for digit in CARD)
    assert [(f.start, f.end) for f in scan(f"{written}!")] == [(0, 16)]


@pytest.mark.parametrize("between", ["\x00", "\x08", "\u20e3\ufe0f", "\u00ad", "\U000e0030"])
def test_what_is_not_seen_hides_nothing(between: str) -> None:
    assert types(between.join(CARD)) == {"PAYMENT_CARD"}


def test_digits_in_discs_are_digits() -> None:
    assert types("".join("\u24ea" if d == "0" else chr(0x2775 + int(d)) for d in CARD)) == {
        "PAYMENT_CARD"
    }


def test_an_address_is_found_from_house_to_postcode() -> None:
    text = "Ship: 353 Buerlia 227\n Apt. 391\n SANDEFJORD\n Norway 66455\nThanks"
    assert [text[f.start : f.end] for f in scan(text)] == [text[6:-7]]


@given(st.text(max_size=200))
def test_scan_takes_any_text_and_its_spans_lie_inside(text: str) -> None:
    done = 0
    for finding in scan(text):
        assert done <= finding.start < finding.end <= len(text)
        assert 0 < finding.score <= 1
        done = finding.end


@given(st.text(alphabet="4 -1\u200b\uff19.(a@:\n+", max_size=300))
def test_scan_takes_texts_near_to_numbers(text: str) -> None:
    assert all(isinstance(finding, Finding) for finding in scan(text))


@given(st.text(max_size=100))
def test_normalised_characters_know_where_they_stood(text: str) -> None:
    plain = normalise(text)
    assert plain.offsets is None or len(plain.offsets) == len(plain.text)
    for place, character in enumerate(plain.text):
        start, end = plain.span(place, place + 1)
        assert end == start + 1
        original = text[start]
        if original.isascii() and original.isprintable():
            assert character == original
        elif character.isdigit():
            assert unicodedata.normalize("NFKC", original) != ""


@given(st.text(alphabet=string.digits, min_size=11, max_size=18), st.integers(1, 9))
def test_luhn_sees_every_wrong_digit(head: str, change: int) -> None:
    check = next(d for d in string.digits if checksums.luhn(head + d))
    place = change % len(head)
    wrong = str((int(head[place]) + change) % 10)
    assume(wrong != head[place])
    assert not checksums.luhn(head[:place] + wrong + head[place + 1 :] + check)


@given(st.text(alphabet=string.digits, min_size=1, max_size=60), st.data())
def test_luhn_sums_agree_with_the_whole(digits: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(digits) - 1))
    stop = data.draw(st.integers(start + 1, len(digits)))
    part = digits[start:stop]
    total = 0
    for place, digit in enumerate(reversed(part)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 * (value > 9)
    assert checksums.LuhnSums(digits).passes(start, stop) == (total % 10 == 0)


@given(st.text(alphabet=string.digits, min_size=18, max_size=18), st.integers(1, 9))
def test_iban_sees_every_wrong_digit(account: str, change: int) -> None:
    check = next(f"{n:02}" for n in range(98, 1, -1) if checksums.iban(f"DE{n:02}{account}"))
    place = change % 18
    wrong = account[:place] + str((int(account[place]) + change) % 10) + account[place + 1 :]
    assert "IBAN" in types(f"DE{check} {account}")
    assert not checksums.iban(f"DE{check}{wrong}")


@pytest.mark.parametrize(
    ("check", "right", "wrong"),
    [
        (checksums.bsn, "111222333", "111222334"),
        (checksums.nir, "184127645108946", "184127645108947"),
        (checksums.dni, "X1234567L", "X1234567M"),
        (checksums.cpf, "12345678909", "11111111111"),
        (checksums.codice_fiscale, "RSSMRA85T10A562S", "RSSMRA85T10A562T"),
        (checksums.pesel, "44051401359", "44051401358"),
        (checksums.belgian, "85073003328", "85073003329"),
        (checksums.steuer_id, "86095742719", "86095742718"),
        (checksums.ssn, "054286917", "666286917"),
        (checksums.nino, "AB123456C", "BG123456C"),
    ],
)
def test_checksums(check: object, right: str, wrong: str) -> None:
    assert callable(check)
    assert check(right)
    assert not check(wrong)


def test_overlapping_findings_become_one_of_the_most_sensitive() -> None:
    (finding,) = scan("password: alice@example.com")
    assert (finding.type, finding.sensitivity, finding.end) == ("PASSWORD", "secret", 27)


def test_an_iban_with_a_wrong_digit_is_none() -> None:
    assert "IBAN" not in types("DE89 3704 0044 0532 0130 01")


def test_an_unknown_level_counts_as_secret() -> None:
    assert [rank(each) for each in SENSITIVITIES] == [0, 1, 2, 3]
    assert rank("harmless") == 3
    assert highest(["none", "harmless"]) == "secret"
    assert highest([]) == "none"


HOSTILE = [
    "4 ", "4", "a", "a ", "4-", "1.", "a@", ":", " ", "\n", "password is ", "bearer ", "Aa ",
    "call me at ", "12 Ab ", "rue aa ", "+1 (", "eyJ", "-----BEGIN PRIVATE KEY-----", "http://a:",
    "lives at 1 ", "DE12 ", "sk-", "(", "salary of ", "account number ", "00 1 ", "born 1/", "(0 ",
    "1 Ab 2 Apt 3 ", "apt 1\n a\n a\n", "here they are 1 C/ ", "my a cancer ", "he earns ",
    "call 1234567 ", "1 1 ", "(1) ", "order no ",
    "password to ", "pin on a a a ", "recovery key of a a ", "1/1/11 is the ", "\x00", "\u2776",
    "_", "é", "\uff14", "4\u200b", "A1", "Patient ",
]  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_texts_take_time_in_proportion(piece: str) -> None:
    # A pattern that backtracks over its repetitions would need hours for this, not a blink.
    text = piece * (20_000 // len(piece))
    assert len(scan(text + CARD)) < len(text)
