"""Worked examples for each ready schema, invented: it goes into the prompt as a past chat turn.

It shows a small model what belongs to a field and what does not (the shop before its address, the
date without its time, the tax and not its rate). A caller's own examples take its place.
"""

from __future__ import annotations

from typing import Final

from tandem.records import Example

_RECEIPT: Final = """ANNA LIM
BRIGHT STATIONERY LTD
(CO. REG : 201733-T)
14 MARKET STREET,
OLD TOWN, 10450 RIVERTON
TEL : 04-2281190
INVOICE NO : 88213
DATE : 02/03/2016 10:42:11 AM
PENCIL 2B
3
1.50
4.50
NOTEBOOK A5
1
7.90
7.90
SUB TOTAL
12.40
GST 6%
0.74
ROUNDING
0.01
TOTAL
RM 13.15
CASH
RM 20.00
CHANGE
RM 6.85
"""
_RECEIPT_WITHOUT_TAX: Final = """KIOSK AM PARK
0004127-K
NO. 3-A, RIVER ROAD,
LOWTOWN,
20100 WESTHAM
GST ID : 000412770912
BILL : 5512
18-11-17 13:58
2 X WATER 2.50
5.00
TOTAL
5.00
CASH
5.00
THANK YOU
"""
_INVOICE: Final = """Ostsee Werkzeuge GmbH   Hafenstr. 8   24103 Kiel
Rechnung Nr. R-2021-0457   Rechnungsdatum: 12.05.2021
An: Tischlerei Brandt   Zahlbar bis 11.06.2021
Pos  Bezeichnung           Menge   Einzelpreis   Betrag
1    Bandsägeblatt 3 m       2       24,50        49,00
2    Schleifpapier K120     10        1,10        11,00
Nettobetrag   60,00 EUR
MwSt. 19%     11,40 EUR
Gesamtbetrag  71,40 EUR
"""
_ORDER: Final = """PURCHASE ORDER PO-7731          Date: 4 March 2020
From: Hillside Clinic           To: Medico Supplies Inc.
Deliver to: Hillside Clinic, 5 Park Road, Salem, by 20 March 2020
20 boxes nitrile gloves M    6.40 each    128.00
Subtotal 128.00   Tax 8% 10.24   Total USD 138.24
"""
_CONTACT: Final = """From: Petra Novak (Novak Catering) <petra@novak.example>
Subject: Table for ten
Hello, could you deliver a table for ten people on Friday? My number is 030 555 0199. Petra
"""
_INVOICE_WITHOUT_TAX: Final = """   Lena Fischer
   4 Mill Road, York YO1 7HU
INVOICE   # HB/20417
Date: March 5, 2020   Customer ID: 3391
Hosting, 12 months   12   $8.00   $96.00
Amount due   $96.00
Please pay to Brightwave Hosting Ltd
Brightwave Hosting Ltd - 8 Dock Street, Leeds
"""
_INVOICE_FIELDS: Final = {
    "seller": "Ostsee Werkzeuge GmbH",
    "invoice_number": "R-2021-0457",
    "date": "2021-05-12",
    "currency": "EUR",
    "net": 60.0,
    "tax": 11.4,
    "total": 71.4,
}
READY_EXAMPLES: Final[dict[str, tuple[Example, ...]]] = {
    "receipt": (
        Example(
            text=_RECEIPT_WITHOUT_TAX,
            output={
                "company": "KIOSK AM PARK",
                "address": "NO. 3-A, RIVER ROAD,\nLOWTOWN,\n20100 WESTHAM",
                "date": "2017-11-18",
                "total": 5.0,
            },
        ),
        Example(
            text=_RECEIPT,
            output={
                "company": "BRIGHT STATIONERY LTD",
                "address": "14 MARKET STREET,\nOLD TOWN, 10450 RIVERTON",
                "date": "2016-03-02",
                "currency": "RM",
                "total": 13.15,
            },
        ),
    ),
    "invoice": (
        Example(
            text=_INVOICE_WITHOUT_TAX,
            output={
                "seller": "Brightwave Hosting Ltd",
                "invoice_number": "HB/20417",
                "date": "2020-03-05",
                "currency": "$",
                "total": 96.0,
            },
        ),
        Example(text=_INVOICE, output=_INVOICE_FIELDS),
    ),
    "invoice_lines": (
        Example(
            text=_INVOICE,
            output={
                **_INVOICE_FIELDS,
                "buyer": "Tischlerei Brandt",
                "due_date": "2021-06-11",
                "line_items": [
                    {
                        "description": "Bandsägeblatt 3 m",
                        "quantity": 2,
                        "unit_price": 24.5,
                        "amount": 49.0,
                    },
                    {
                        "description": "Schleifpapier K120",
                        "quantity": 10,
                        "unit_price": 1.1,
                        "amount": 11.0,
                    },
                ],
            },
        ),
    ),
    "purchase_order": (
        Example(
            text=_ORDER,
            output={
                "order_number": "PO-7731",
                "date": "2020-03-04",
                "delivery_date": "2020-03-20",
                "buyer": "Hillside Clinic",
                "supplier": "Medico Supplies Inc.",
                "ship_to": "Hillside Clinic, 5 Park Road, Salem",
                "currency": "USD",
                "net": 128.0,
                "tax": 10.24,
                "total": 138.24,
                "line_items": [
                    {
                        "description": "nitrile gloves M",
                        "quantity": 20,
                        "unit_price": 6.4,
                        "amount": 128.0,
                    }
                ],
            },
        ),
    ),
    "contact_form": (
        Example(
            text=_CONTACT,
            output={
                "name": "Petra Novak",
                "company": "Novak Catering",
                "email": "petra@novak.example",
                "phone": "030 555 0199",
                "subject": "Table for ten",
                "message": "could you deliver a table for ten people on Friday?",
            },
        ),
    ),
}
