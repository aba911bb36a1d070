"""Short contracts in plain words, each of another kind, and pages that only look like one."""

from __future__ import annotations

from typing import Final

SERVICES: Final = """SERVICES AGREEMENT

Between Nordlicht Design GmbH, Hamburg ("Nordlicht") and Bakery Olsen KG, Kiel ("Olsen").

1. Work. Nordlicht designs a new website for Olsen. It has a start page, a page with the range of
breads, a page with the opening hours of all six shops, and a form for orders of cakes.
2. Drafts. Nordlicht shows two drafts by 15 March. Olsen chooses one within ten days and says
what should be changed. Two rounds of changes are in the price.
3. Texts and pictures. Olsen sends all texts and pictures by 1 April. What comes later moves the
launch by as many days.
4. Launch. The website goes online on 2 May. Nordlicht looks after it for three months and mends
whatever does not work, at no further charge.
5. Price. Olsen pays 8,400 euros: a third when work starts, a third when a draft is chosen, and
the rest on the day of the launch. Invoices are paid within 14 days.
6. Rights. Once everything has been paid, Olsen may use the design as long as it likes. Nordlicht
may show it on its own website.
7. Delay. If it is more than two weeks late and this is Nordlicht's doing, the price falls by
100 euros a day.
8. Ending early. Olsen can stop the work at any time. It then pays the hours worked so far, at 90
euros each. Nordlicht can stop if an invoice stays unpaid for a month.
9. Law. German law applies. Changes are made in writing.

Hamburg, 1 February 2024
"""

CONSULTING: Final = """Consulting Agreement

1. Anna Weber advises Hillside Farm on growing apples without sprays, two days a month.
2. She is paid 600 euros a day and the train fare.
3. She keeps to herself what she learns about the farm's customers.
4. It runs for a year. Each side can end it at the end of a month.
"""

EMPLOYMENT: Final = """EMPLOYMENT CONTRACT

Fresh Bread Ltd and Mr Sam Cole

1. Mr Cole works as a baker from 1 June 2024.
2. He works 38 hours a week, from Tuesday to Saturday, starting at four in the morning.
3. He earns 2,600 pounds a month, paid on the last day.
4. He has 28 days of holiday a year.
5. If he is ill, he lets the shop know on the same day.
6. Either side can end the job with four weeks' notice.
"""

SERVICE_LEVEL: Final = """Service Level Agreement

1 Availability
1.1 The mail server can be reached 99.5 % of the time, counted month by month.
1.2 Work that was announced three days before does not count.
2 Answers
2.1 Someone answers within an hour when the server is down, and within a day otherwise.
3 Credits
3.1 For each half per cent below, the customer gets five per cent of the month's fee back.
"""

DATA_PROCESSING: Final = """DATA PROCESSING AGREEMENT

Article 1  What is processed
CloudPay processes names, addresses and bank details of the customers of Green Shop.
Article 2  What for
Only to send invoices, and only as Green Shop tells it to.
Article 3  Who sees the data
Only staff who have promised to keep it to themselves.
Article 4  Helpers
CloudPay asks before another company gets the data.
Article 5  The end
All data is deleted within 30 days after the service ends.
"""

MOU: Final = """MEMORANDUM OF UNDERSTANDING

The City Library and the School of Music want to give concerts together.

1. The library lends its hall on the first Sunday of each month.
2. The school sends the players and prints the programme.
3. Both share what tickets bring in, half and half.
4. Nobody is bound by this paper; either can leave it at any time.
"""

SIDE_LETTER: Final = """Dear Ms Lind,

With this side letter we add to the lease of the shop at 3 Mill Lane.

1. The landlord shall pay for the new windows. The tenant has them put in by 30 June.
2. Until then the rent is 900 instead of 1,100 pounds.
3. The tenant is not liable for damage that the old windows let in.
4. If the windows are late, the landlord may terminate the reduction with a month's notice.
5. All else stays as it was agreed, subject to the law of Scotland.

Yours sincerely,
Peter Mackay
"""

SALE: Final = """Contract of sale of a used car

1. Mrs Jones sells her Ford Fiesta, first registered in 2015, to Mr Patel.
2. The price is 4,200 pounds, paid in cash when the car is handed over.
3. The car has done 61,000 miles and had one crash, in 2019, which was mended.
4. It is sold as it stands.
5. Mr Patel takes it over on 3 May 2024 and registers it within a week.
"""

PLAIN: Final = (
    SERVICES,
    CONSULTING,
    EMPLOYMENT,
    SERVICE_LEVEL,
    DATA_PROCESSING,
    MOU,
    SIDE_LETTER,
    SALE,
)

UNTITLED: Final = """1. The painter paints the hall and the stairs in white, twice.
2. The owner of the house agrees to pay 900 pounds, half of it before.
3. If the paint peels within a year, the painter is liable and paints again.
4. Either party may terminate before the work starts.
"""
"""Says nowhere what it is: reviewed with a doubt."""

HANDBOOK: Final = """# Requesting an interagency agreement

Use this page when another agency wants to work with us.

1. Open the intake form and fill in the name of the agency.
2. Ask your lead to look over the estimate.
3. Send the form to the agreements team in the chat.
4. Wait for an answer, which usually takes a week.

Questions? Ask in #agreements.
"""
