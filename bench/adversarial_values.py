"""Sensitive values of every type that the detector's contract names, and ways of hiding them.

All of it comes out of a seeded generator: no value is anybody's.
"""

from __future__ import annotations

import base64
import html
import re
import string
import unicodedata
import urllib.parse
from collections.abc import Callable, Sequence
from random import Random
from typing import Final, NamedTuple

from tandem.privacy import checksums


class Value(NamedTuple):
    """A sensitive value: its type, what stands before it, and the value itself."""

    kind: str
    before: str
    text: str


Make = Callable[[Random], Value]


def _digits(random: Random, count: int) -> str:
    return "".join(random.choice(string.digits) for _ in range(count))


def _token(random: Random, count: int, letters: str = string.ascii_letters + string.digits) -> str:
    return "".join(random.choice(letters) for _ in range(count))


def _until(random: Random, make: Callable[[Random], str], valid: Callable[[str], bool]) -> str:
    """The first of the values made that is valid."""
    while not valid(value := make(random)):
        pass
    return value


def _card(random: Random) -> Value:
    number = _until(random, lambda r: f"4{_digits(r, 15)}", checksums.luhn)
    shown = " ".join(re.findall("....", number)) if random.random() < 0.5 else number
    return Value("PAYMENT_CARD", "card ", shown)


def _iban(random: Random) -> Value:
    rest = _digits(random, 18)
    check = 98 - int(f"{rest}131400") % 97
    whole = f"DE{check:02d}{rest}"
    shown = " ".join(re.findall(".{1,4}", whole)) if random.random() < 0.5 else whole
    return Value("IBAN", "IBAN ", shown)


def _email(random: Random) -> Value:
    name = _token(random, 6, string.ascii_lowercase)
    return Value("EMAIL", "write to ", f"{name}.{_digits(random, 3)}@mail{_digits(random, 2)}.org")


def _phone(random: Random) -> Value:
    return Value("PHONE", "", f"+31 6 {_digits(random, 4)} {_digits(random, 4)}")


def _ssn(random: Random) -> Value:
    number = f"{random.randint(100, 599)}-{random.randint(10, 99)}-{random.randint(1000, 9999)}"
    return Value("US_SSN", "SSN ", number)


def _bsn(random: Random) -> Value:
    return Value("NL_BSN", "BSN ", _until(random, lambda r: f"1{_digits(r, 8)}", checksums.bsn))


def _nir(random: Random) -> Value:
    born = f"1{random.randint(50, 99)}{random.randint(1, 9):02d}{random.randint(10, 95)}"
    number = f"{born}{random.randint(100, 900)}{random.randint(100, 900)}"
    return Value("FR_NIR", "numéro ", f"{number}{97 - int(number) % 97:02d}")


def _dni(random: Random) -> Value:
    letters = "TRWAGMYFPDXBNJZSQVHLCKE"
    number = random.randint(10_000_000, 99_999_999)
    return Value("ES_DNI", "DNI ", f"{number}{letters[number % 23]}")


def _nino(random: Random) -> Value:
    return Value("UK_NINO", "NI number ", f"AB{_digits(random, 6)}C")


def _cpf(random: Random) -> Value:
    whole = _until(random, lambda r: _digits(r, 11), checksums.cpf)
    return Value("BR_CPF", "CPF ", f"{whole[:3]}.{whole[3:6]}.{whole[6:9]}-{whole[9:]}")


def _codice(random: Random) -> Value:
    start = f"{_token(random, 6, string.ascii_uppercase)}{_digits(random, 2)}A{_digits(random, 2)}"
    body = f"{start}H{_digits(random, 3)}"
    whole = next(
        f"{body}{last}"
        for last in string.ascii_uppercase
        if checksums.codice_fiscale(f"{body}{last}")
    )
    return Value("IT_CODICE_FISCALE", "codice fiscale ", whole)


def _belgian(random: Random) -> Value:
    first = f"{random.randint(50, 99)}{random.randint(1, 12):02d}{random.randint(1, 28):02d}"
    serial = f"{random.randint(1, 997):03d}"
    check = 97 - int(first + serial) % 97
    return Value(
        "BE_NATIONAL",
        "rijksregister ",
        f"{first[:2]}.{first[2:4]}.{first[4:]}-{serial}.{check:02d}",
    )


def _pesel(random: Random) -> Value:
    whole = _until(random, lambda r: f"8{_digits(r, 10)}", checksums.pesel)
    return Value("PL_PESEL", "PESEL ", whole)


def _steuer(random: Random) -> Value:
    whole = _until(random, lambda r: f"5{_digits(r, 10)}", checksums.steuer_id)
    return Value("DE_STEUER_ID", "Steuer-ID ", whole)


def _passport(random: Random) -> Value:
    letters = _token(random, 2, string.ascii_uppercase)
    return Value("PASSPORT", "passport number ", f"{letters}{_digits(random, 7)}")


def _account(random: Random) -> Value:
    return Value("BANK_ACCOUNT", "account number ", f"7{_digits(random, 9)}")


def _address(random: Random) -> Value:
    name = random.choice(("Maple", "Orchard", "Harbour", "Windmill", "Chapel"))
    end = random.choice(("Street", "Avenue", "Road", "Lane"))
    return Value("STREET_ADDRESS", "lives at ", f"{random.randint(101, 9999)} {name} {end}")


def _born(random: Random) -> Value:
    day, month, year = random.randint(1, 28), random.randint(1, 12), random.randint(1930, 2009)
    return Value("BIRTH_DATE", "born on ", f"{day:02d}.{month:02d}.{year}")


def _health(random: Random) -> Value:
    illness = random.choice(("diabetes", "epilepsy", "hepatitis", "leukemia"))
    return Value("HEALTH", "", f"she was diagnosed with {illness}")


def _money(random: Random) -> Value:
    return Value(
        "FINANCIAL", "", f"my salary is {random.randint(20, 90)},{_digits(random, 3)} euros"
    )


def _private_key(random: Random) -> Value:
    body = _token(random, 64)
    key = f"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----"
    return Value("PRIVATE_KEY", "", key)


def _api_key(random: Random) -> Value:
    starts = ("sk-", "ghp_", "hf_")
    return Value("API_KEY", "key ", f"{random.choice(starts)}{_token(random, 32)}")


def _webhook(random: Random) -> Value:
    return Value("WEBHOOK", "", f"https://hooks.slack.com/services/T{_token(random, 30)}")


def _jwt(random: Random) -> Value:
    return Value("JWT", "", f"eyJ{_token(random, 20)}.eyJ{_token(random, 30)}.{_token(random, 30)}")


def _bearer(random: Random) -> Value:
    return Value(
        "BEARER_TOKEN", "Authorization: Bearer ", f"{_token(random, 30)}.{_digits(random, 4)}"
    )


def _url_password(random: Random) -> Value:
    return Value("URL_PASSWORD", "postgres://admin:", f"{_token(random, 12)}@db.example.org")


def _password(random: Random) -> Value:
    return Value("PASSWORD", "the password is ", f"{_token(random, 9)}{_digits(random, 2)}!")


MAKERS: Final[Sequence[Make]] = (
    *(_card, _iban, _email, _phone, _ssn, _bsn, _nir, _dni, _nino, _cpf, _codice, _belgian),
    *(_pesel, _steuer, _passport, _account, _address, _born, _health, _money),
    *(_private_key, _api_key, _webhook, _jwt, _bearer, _url_password, _password),
)

_HOMOGLYPHS: Final = str.maketrans("aceopxyABCEHKMOPTX", "асеорхуАВСЕНКМОРТХ")  # noqa: RUF001
_BACK: Final = {ord(to): chr(of) for of, to in ((of, chr(to)) for of, to in _HOMOGLYPHS.items())}


def _full_width(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def _line_breaks(text: str) -> str:
    """A break at each blank, or in the middle where there is none."""
    return (
        text.replace(" ", "\n")
        if " " in text
        else f"{text[: len(text) // 2]}\n{text[len(text) // 2 :]}"
    )


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


ENCODINGS: Final[dict[str, Callable[[str], str]]] = {
    "plain": str,
    "zero-width": "\u200b".join,
    "soft hyphens": "\u00ad".join,
    "full-width": _full_width,
    "line breaks": _line_breaks,
    "homoglyphs": lambda text: text.translate(_HOMOGLYPHS),
    "percent": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "HTML entities": lambda text: "".join(f"&#{ord(c)};" for c in text),
    "base64": _base64,
    "base64 twice": lambda text: _base64(_base64(text)),
    "hexadecimal": lambda text: text.encode().hex(),
    "backwards": lambda text: text[::-1],
}
SEPARATED: Final = frozenset({"PAYMENT_CARD", "IBAN"})
"""Types that the contract covers with line breaks in them."""


def readable(text: str) -> set[str]:
    """What somebody who tries hard can read out of `text`: its letters and digits, lower case,
    as they stand and after each decoding."""
    once = _base64s(text)
    twice = {inner for each in once for inner in _base64s(each)}
    texts = {text, _entities(text), urllib.parse.unquote(text), *once, *twice, *_hex(text)}
    read = {_compact(each) for each in texts}
    return read | {each[::-1] for each in read}


def compact(text: str) -> str:
    """Letters and digits of a value, as `readable` gives them."""
    return _compact(text)


def _compact(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text).translate(_BACK)
    return "".join(c for c in plain if c.isalnum()).lower()


def _entities(text: str) -> str:
    return html.unescape(text) if "&" in text else text


def _base64s(text: str) -> set[str]:
    found = set()
    for run in re.findall(r"[A-Za-z0-9+/]{12,}={0,2}", text):
        try:
            decoded = base64.b64decode(run + "=" * (-len(run) % 4)).decode()
        except ValueError:
            continue
        found.add(decoded)
    return found


def _hex(text: str) -> set[str]:
    runs = re.findall(r"(?:[0-9a-f]{2}){6,}", text)
    return {bytes.fromhex(run).decode("utf-8", "replace") for run in runs}
