"""Which currencies there are, and whether two sums may be set against each other."""

from __future__ import annotations

from typing import Final

from tandem.quality.values import currency_code

_TOLD: Final = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP
BYN BZD CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB
EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD
JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU
MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD
RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY
TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAF XCD XCG XDR XOF XPF XSU XUA
YER ZAR ZMW ZWG ZWL
"""
CODES: Final = frozenset(_TOLD.split())
"""ISO 4217, without metals and codes for tests, with some that went out of use since 2018 and that
older logs hold."""


def not_comparable(report: str, settings: str) -> str:
    """Why no saving is told where the report's sums and the settings' prices are in different
    currencies, in words; empty where they are in the same."""
    if (currency_code(settings) or settings) == report:
        return ""
    return f"SLM prices are in {settings}, sums in {report}: not comparable, no saving told"
