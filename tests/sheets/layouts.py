"""Layouts of statistical sheets as text: cells between bars, ``<`` merged to the left, ``^`` merged upwards."""

from __future__ import annotations

import re
from datetime import datetime

from grids import grid

from datawarp.sheets.grid import Cell, Grid

Expected = tuple[tuple[int, int], tuple[int, int], str]  # header rows, body rows, headers


def cell(text: str) -> Cell:
    """A number, a day or a text as written; ``<`` and ``^`` are blanks inside a merged range."""
    if re.fullmatch(r"-?\d*\.?\d+", text):
        return float(text)
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        return datetime.fromisoformat(text)
    return None if text in ("", "<", "^") else text


def sheet(text: str) -> Grid:
    """The grid that a text draws."""
    lines = [[part.strip() for part in line.split("|")] for line in text.strip("\n").split("\n")]
    owner: dict[tuple[int, int], tuple[int, int]] = {}
    for r, line in enumerate(lines):
        for c, part in enumerate(line):
            if part in ("<", "^"):
                before = (r, c - 1) if part == "<" else (r - 1, c)
                owner[r, c] = owner.get(before, before)
    merges = []
    for top, left in dict.fromkeys(owner.values()):
        covered = [place for place, first in owner.items() if first == (top, left)]
        merges.append((top, left, max(r for r, _ in covered), max(c for _, c in covered)))
    return grid([[cell(part) for part in line] for line in lines], merges)


LAYOUTS: dict[str, tuple[str, list[Expected]]] = {
    "percentiles as headings": (
        """
Description|Jobs|Median|10|20|25|30
UK|24000|500.5|150|200.1|250|301
England|20000|510.5|160|210.1|260|311""",
        [((1, 1), (2, 3), "Description; Jobs; Median; 10; 20; 25; 30")],
    ),
    "a first record whose counts are in step": (
        """
Table 1.1: Offences
Offence|2022||||2023||
|Q1|Q2|Q3|Q4|Q1|Q2|Q3
Violence|10|20|30|40|50|60|70
Theft|11|21|31|41|51|61|71""",
        [
            (
                (2, 3),
                (4, 5),
                "Offence; 2022 | Q1; 2022 | Q2; 2022 | Q3; 2022 | Q4; 2023 | Q1; 2023 | Q2; 2023 | Q3",
            )
        ],
    ),
    "quintiles below a merged heading": (
        """
Table 2
|Quintile|<|<|<
Age|1|2|3|4
0-4|155|231|98|14
5-9|90|187|65|39""",
        [
            (
                (2, 3),
                (4, 5),
                "Age; Quintile | 1; Quintile | 2; Quintile | 3; Quintile | 4",
            )
        ],
    ),
    "labels merged across the table": (
        """
Measure|2020|2021|2022
All persons|<|<|<
Rate|1.5|1.6|1.8
Males|<|<|<
Rate|1.1|1.2|1.5""",
        [((1, 1), (2, 5), "Measure; 2020; 2021; 2022")],
    ),
    "units merged over the figures": (
        """
|Owners|Renters
|thousands|<
All|100|200
Leeds|30|41""",
        [((1, 2), (3, 4), "; Owners | thousands; Renters | thousands")],
    ),
    "labels named below dates": (
        """
Daily admissions
||2021-01-01|2021-01-02|2021-01-03
Code|Name|||
|ENGLAND|2000|2100|2200

Y56|London|800|810|820""",
        [((2, 3), (4, 6), "Code; Name; 2021-01-01; 2021-01-02; 2021-01-03")],
    ),
    "figures with marks": (
        """
Area|2020 [r]|2021 [r]
North|100 [r]|110
South|90|95 [p]
East|[x]|80""",
        [((1, 1), (2, 4), "Area; 2020 [r]; 2021 [r]")],
    ),
    "headings that begin with a number": (
        """
Area|1 (first)|2 (second)|3 (third)
North|155|231|98
South|90|187|65""",
        [((1, 1), (2, 3), "Area; 1 (first); 2 (second); 3 (third)")],
    ),
    "an unlabelled total": (
        """
Dept|Date|Supplier|Amount
DHSC|2023-04-05|ACME|30000.5
DHSC|2023-04-06|BETA|45000
|||75000.5""",
        [((1, 1), (2, 4), "Dept; Date; Supplier; Amount")],
    ),
    "remarks directly below the body": (
        """
Area|2020|2021
North|100|110
South|90|95
Data for 2021 are subject to change
Regions as at 1 April""",
        [((1, 1), (2, 3), "Area; 2020; 2021")],
    ),
    "as many notes as rows": (
        """
Area|2022|2023
A|1|2
B|3|4

Notes
1|Figures for 2023 are provisional
2|Rounded to 5""",
        [((1, 1), (2, 3), "Area; 2022; 2023")],
    ),
    "a key beside the rows": (
        """
Table 7: Waits
Org|Jan|Feb|||Key
AA|10|27||*|Suppressed
BB|31|44||..|Not available
CC|*|63
DD|8|..""",
        [((2, 2), (3, 6), "Org; Jan; Feb")],
    ),
    "series with their particulars above periods": (
        """
Title|CPI: all items|CPI: food
CDID|D7BT|D7BU
PreUnit||
Unit|Index|Index
Release date|17-04-2024|17-04-2024
Next release|22 May 2024|22 May 2024
Important notes||
2022|121.7|124.6
2023|130.5|142.9
2023 Q1|127.9|139.7
2023 JAN|126.4|137.5""",
        [
            (
                (1, 7),
                (8, 11),
                "Title | CDID | PreUnit | Unit | Release date | Next release | Important notes; "
                "CPI: all items | D7BT | Index | 17-04-2024 | 22 May 2024; "
                "CPI: food | D7BU | Index | 17-04-2024 | 22 May 2024",
            )
        ],
    ),
    "numbers and blanks among the attributes of series": (
        """
|Persons: Male|Persons: Female
Unit||
PreUnit||
Frequency|Quarter|Quarter
No. Obs|168|168
Series ID|A2060825K|A2060834L
Jun-1981|2608351|2626538
Sep-1981|2616060|2634534
Dec-1981|2624579|2643527""",
        [
            (
                (1, 6),
                (7, 9),
                "Unit | PreUnit | Frequency | No. Obs | Series ID; Persons: Male | Quarter | 168 | A2060825K; "
                "Persons: Female | Quarter | 168 | A2060834L",
            )
        ],
    ),
    "particulars with a date above a table": (
        """
population|All usual residents
date|2011
rural urban|Total

Area|All|Males|Density
Darlington|105|51|5.4
Durham|513|250|2.3""",
        [((5, 5), (6, 7), "Area; All; Males; Density")],
    ),
    "codes and labels of the columns on two rows": (
        """
GEO_ID|NAME|B01003_001E|B01003_001M
id|Area name|Estimate|Margin of error
US01001|Autauga|55380|*****
US48301|Loving|98|58""",
        [((1, 2), (3, 4), "GEO_ID | id; NAME | Area name; B01003_001E | Estimate; B01003_001M | Margin of error")],
    ),
    "weeks merged over groups of columns": (
        """
Week number|11|<|12|<
Week ended|2020-03-13|<|2020-03-20|<

|England|Wales|England|Wales
Home|2725|163|2709|151
Hospital|4975|379|4770|401""",
        [
            (
                (1, 4),
                (5, 6),
                "Week number | Week ended; 11 | 2020-03-13 | England; 11 | 2020-03-13 | Wales; "
                "12 | 2020-03-20 | England; 12 | 2020-03-20 | Wales",
            )
        ],
    ),
    "columns with letters": (
        """
Authority|Band D|Taxbase|Precept
|(a)|(b)|(c)
Adur|1500|21000|310
Arun|1620|60500|3300""",
        [((1, 2), (3, 4), "Authority; Band D | (a); Taxbase | (b); Precept | (c)")],
    ),
    "columns with numbers in brackets": (
        """
State|Total|Central|Local
(1)|(2)|(3)|(4)
Assam|1500|21000|310
Bihar|1620|60500|3300""",
        [((1, 2), (3, 4), "State | (1); Total | (2); Central | (3); Local | (4)")],
    ),
    "the change of figures": (
        """
Area|Change|Per cent change
North|+1,234|+2.3
South|-345|-0.6""",
        [((1, 1), (2, 3), "Area; Change; Per cent change")],
    ),
    "comments longer than the figures": (
        """
Organisation|Records|Comment
RA1|120|Submitted late because of a system migration that affected the extract for two weeks in March.
RA2|130|
RA3||No submission was received from this organisation in this period; expected to resume next quarter.""",
        [((1, 1), (2, 4), "Organisation; Records; Comment")],
    ),
    "sections named in the middle of the page": (
        """
Year|All ages|Under 20|20-24
||Numbers|
2010|723|40|137
2011|724|36|134
2012|730|33|132
||Rates|
2010|65.5|20.3|75.1
2011|64.2|18.1|72.5
2012|64.9|16.2|71.9""",
        [((1, 1), (2, 9), "Year; All ages; Under 20; 20-24")],
    ),
    "days as a spreadsheet counts them": (
        """
Name|44136|44137|44138|44139
England|1200|1290|1350|1100
London|210|250|240|190""",
        [((1, 1), (2, 3), "Name; 44136; 44137; 44138; 44139")],
    ),
    "numbers of notes beside headings": (
        """
Area||2019|(1)|2020|(2)
North||1005||1101|
South||907|r|898|
East||612||611|p""",
        [((1, 1), (2, 4), "Area; 2019; (1); 2020; (2)")],
    ),
    "a rule below the body": (
        """
Jahr|Index|Change
|2020=100|in (%)
2020|100|0.5
2021|103.1|3.1
2022|110.2|6.9
__________
(C)opyright Statistisches Bundesamt
Stand: 11.03.2024""",
        [((1, 2), (3, 5), "Jahr; Index | 2020=100; Change | in (%)")],
    ),
    "the first weeks of a year": (
        """
Week number|1|2
Week ended|2020-01-03|2020-01-10

Total|12254|14058
England|11400|13100""",
        [((1, 2), (4, 5), "Week number | Week ended; 1 | 2020-01-03; 2 | 2020-01-10")],
    ),
    "rows that go on below a note": (
        """
Area|2019|2020|2021|2022
North|10|12|13|14
Note: deaths may be registered later than they occurred.

|21|22|23|24
|31|32|33|34""",
        [((1, 1), (2, 6), "Area; 2019; 2020; 2021; 2022")],
    ),
    "letters below groups": (
        """
Alter|2021|<|2022|<
|m|w|m|w
0|105|98|110|101
1|95|91|99|90""",
        [((1, 2), (3, 4), "Alter; 2021 | m; 2021 | w; 2022 | m; 2022 | w")],
    ),
    "a legend whose meanings are symbols too": (
        """
Area|2022|2023
North|10|12
South|-|15
East|*|16

*|Suppressed
-|Not available""",
        [((1, 1), (2, 4), "Area; 2022; 2023")],
    ),
    "the unit of the table beside its title": (
        """
Table 3: Activity||||Percentages
|Males||Females|
Area|Rate|Change|Rate|Change
North|10.5|12.1|11.5|10.9
South|11.5|10.2|12.5|10.1""",
        [((2, 3), (4, 5), "Area; Males | Rate; Males | Change; Females | Rate; Females | Change")],
    ),
    "a short series below one group, beside labels that are figures": (
        """
|Duration in weeks|<|<
Age|1|2|3
0|1002|958|511
1|890|911|720
2|610|655|801""",
        [((1, 2), (3, 5), "Age; Duration in weeks | 1; Duration in weeks | 2; Duration in weeks | 3")],
    ),
    "what the labels are, a row below the headings": (
        """
TIME|2020|2021
GEO (Labels)||
Belgium|10.5|11.2
France|20.1|:""",
        [((1, 2), (3, 4), "TIME | GEO (Labels); 2020; 2021")],
    ),
    "units of some columns": (
        """
|||Beds|Occupied|Cost
|||||£000
Wales|||100|90|5.5
|North|Bangor|10|9|1.5
|South|Cardiff|40|35|2.5""",
        [((1, 2), (3, 5), "; ; ; Beds; Occupied; Cost | £000")],
    ),
    "numbers of the columns above their codes": (
        """
Time period|Food|Textile
Agg number|21|24
Dataset identifier code|EAPT|EAPX
2024 Jan|99.5|98.1
2024 Feb|97.5|96.1""",
        [
            (
                (1, 3),
                (4, 5),
                "Time period | Agg number | Dataset identifier code; Food | 21 | EAPT; Textile | 24 | EAPX",
            )
        ],
    ),
    "a group by eye beside merged groups": (
        """
Year|Births|<|Rate|
|Total|Male|All|Male
2018|100|51|11.2|10.5
2019|101|52|11.1|10.4""",
        [((1, 2), (3, 4), "Year; Births | Total; Births | Male; Rate | All; Rate | Male")],
    ),
    "a small table above a wide one": (
        """
Measure|Value
Deaths|500
Rate|12.5

By region
Region|Deaths|Rate|Lower
North|55|9.5|8.8
South|61|8.7|7.1""",
        [((1, 1), (2, 3), "Measure; Value"), ((6, 6), (7, 8), "Region; Deaths; Rate; Lower")],
    ),
    "a remark below labels that are numbers": (
        """
Week|2022|2023
27|31|42
28|30|41
1|29|
2|28|
Data are provisional and subject to change.""",
        [
            ((1, 1), (2, 5), "Week; 2022; 2023"),
        ],
    ),
    "fillers in a header and notes directly below the body": (
        """
|All||||All
|Up to 26|.|Up to 26|Over 36|.
|0 to 1|1 to 26|.|.|.
Sep-2011|33452|29135|359166|7434|392467
Oct-2011|32981|29899|358615|7469|389797
Nov-2011|33075|30006|356019|7629|386977
Dec-2011|36967|29596|346716|.|375719
Source: referral statistics
1. Figures are rounded.""",
        [
            (
                (1, 3),
                (4, 7),
                "; All | Up to 26 | 0 to 1; All | . | 1 to 26; All | Up to 26 | .; All | Over 36 | .; All | .",
            )
        ],
    ),
    "a unit of the table near its right end": (
        """
Road traffic
|||Billion vehicle miles
Year|Cars|Vans|Buses|All
1949|12.6|4.0|1.9|18.5
1950|15.9|4.8|2.7|23.4
1951|18.2|5.1|2.6|25.9""",
        [
            ((3, 3), (4, 6), "Year; Cars; Vans; Buses; All"),
        ],
    ),
    "codes and their labels directly above notes": (
        """
Value|Label
1|Male
2|Female
9|Not stated
Source: registers
1. Figures are rounded.
[c] = suppressed""",
        [
            ((1, 1), (2, 4), "Value; Label"),
        ],
    ),
    "months to come as rows": (
        """
Month|Seen|Waiting
Apr-24|310|1250
May-24|298|1281
Jun-24|305|1302
Jul-24||
Aug-24||
Sep-24||

Source: hospital returns""",
        [
            ((1, 1), (2, 7), "Month; Seen; Waiting"),
        ],
    ),
    "years by themselves above blocks of one header": (
        """
Prescriptions by chapter
2022
Chapter|Items|Cost
01 Gastro|310|12.5
02 Cardio|298|22.1
Total|608|34.6

2023
Chapter|Items|Cost
01 Gastro|305|13.5
02 Cardio|290|21.0
Total|595|34.5""",
        [
            ((3, 3), (4, 6), "Chapter; Items; Cost"),
            ((9, 9), (10, 12), "Chapter; Items; Cost"),
        ],
    ),
    "a sparse register without a header": (
        """
A|North East Office|||Citygate||19940401|0|
B|North West Office|||City Tower||19980801|0|
Q70|South West Office|Y57||Oakley Road||20150401|0|
Q71|London Office|Y56||Southside|105 Victoria|20150401|0|x""",
        [
            ((0, 0), (1, 4), "; ; ; ; ; ; ; "),
        ],
    ),
    "a list beside the table that outlasts it": (
        """
|Select provider:|R0A|||R0A
|||||R0B
Month|Seen|Breaches|||R0D
Apr-23|310|12|||R1F
May-23|298|15|||R1H
Jun-23|305|11|||R1K
|||||R1L
|||||R2A""",
        [
            ((3, 3), (4, 6), "Month; Seen; Breaches"),
        ],
    ),
    "a page number directly below the body": (
        """
Deaths by establishment
Establishment|2019|2020|2021
Altcourse|1|-|2
Bedford|2|1|-
Belmarsh|-|1|1
Page 14 of 20""",
        [
            ((2, 2), (3, 5), "Establishment; 2019; 2020; 2021"),
        ],
    ),
    "counts like years": (
        """
Admissions
Area|Males|Females
England|1998|2011
North|1995|2003
South|2043|2020

East|2001|2017
West|2018|1989""",
        [
            ((2, 2), (3, 8), "Area; Males; Females"),
        ],
    ),
    "the latest year first": (
        """
Homicides
Area|2023|2019|2020|2021|2022
Leeds|12|9|11|8|10
York|3|2|1|4|2
Hull|5|6|4|7|3""",
        [
            ((2, 2), (3, 5), "Area; 2023; 2019; 2020; 2021; 2022"),
        ],
    ),
    "words below headings beside a blank corner": (
        """
Availability of measures
|Acute|Community|Ambulance
Sickness|Yes|Yes|No
Turnover|Yes|No|No
Vacancies|No|Yes|No""",
        [
            ((2, 2), (3, 5), "; Acute; Community; Ambulance"),
        ],
    ),
    "a heading that ends like a key": (
        """
Bed days
Region:|2021|2022
North|310|298
South|305|311
East|290|287""",
        [
            ((2, 2), (3, 5), "Region:; 2021; 2022"),
        ],
    ),
    "months and the total of their year": (
        """
Staff in post
Grade|2023-10-31|2023-11-30|2023-12-31|2023
Band 5|310|298|305|913
Band 6|120|131|125|376
Band 7|60|62|61|183""",
        [
            ((2, 2), (3, 5), "Grade; 2023-10-31; 2023-11-30; 2023-12-31; 2023"),
        ],
    ),
    "a register with figures that have no heading": (
        """
Site|Code|Type|Town|Open|Rating|Owner|
Alpha|RXA01|Acute|Leeds|Yes|Good|Trust|12
Beta|RXA02|Acute|York|Yes|Fair|Trust|15
Gamma|RXA03|Clinic|Hull|No|Good|Charity|11""",
        [
            ((1, 1), (2, 4), "Site; Code; Type; Town; Open; Rating; Owner; "),
        ],
    ),
    "numbers and what they name": (
        """
Treatment functions
Number|Name
100|General Surgery
101|Urology
110|Orthopaedics""",
        [
            ((2, 2), (3, 5), "Number; Name"),
        ],
    ),
    "numbered groups between named ones": (
        """
Uptake by deprivation
Health board|Least deprived|2|3|Most deprived
Powys|78.1|75.5|71.2|66.4
Gwent|77.2|74.1|70.8|63.0
Wales|77.9|74.6|70.1|64.8""",
        [
            ((2, 2), (3, 5), "Health board; Least deprived; 2; 3; Most deprived"),
        ],
    ),
    "headings of two tiers once more below blank rows": (
        """
Deaths
Area|2023|<|2024|<
|Nov|Dec|Jan|Feb
Wales|310|298|305|311
Kent|120|131|125|119


Area|2023|<|2024|<
|Nov|Dec|Jan|Feb
Leeds|60|62|61|58
York|12|15|11|13""",
        [
            ((2, 3), (4, 5), "Area; 2023 | Nov; 2023 | Dec; 2024 | Jan; 2024 | Feb"),
            ((8, 9), (10, 11), "Area; 2023 | Nov; 2023 | Dec; 2024 | Jan; 2024 | Feb"),
        ],
    ),
    "codes below percentiles": (
        """
Annual pay
Area|Code|Jobs|Half|Pay|<|<|<
||^|^|10|20|25|30
||K0|K1|K2|K3|K4|K5
United Kingdom|K02000001|24000|500.5|150|200.1|250|301
North East|E12000001|1010|480.5|140|190.1|240|290
Darlington|E06000005|41|470.5|130|180.1|230|280""",
        [
            (
                (2, 4),
                (5, 7),
                "Area; Code; Jobs | K0; Half | K1; Pay | 10 | K2; Pay | 20 | K3; Pay | 25 | K4; Pay | 30 | K5",
            ),
        ],
    ),
}

NO_TABLES = {
    "contents with a year of the next update": """
Table of contents
Table number|Table title|Next update
Table 1|Deaths by region|2026
Table 2|Deaths by age|2026""",
    "sheets without a heading": """
Workforce statistics
Table 1|Headcount by region
Table 2|Headcount by grade""",
    "worksheets and what they hold": """
Worksheet|Description|Time period
R1|Registrations|2010 to 2023
R2|Licences|2010 to 2023""",
    "numbered notes in four columns": """
Notes
Note number|Note text|Related tables|Link
note 1|Figures are rounded.|Table 1|
note 2|Excludes visitors.|Table 1|Portal""",
    "contents with pages": """
Contents
Table|Title|Page
1|Deaths by age|3
2|Deaths by sex|4""",
    "corrections of values": """
Revisions
Table|Cell|Previously published|Revised
Table 1|B12|1,234|1,256
Table 3|F7|22.1|23.0""",
    "numbered parts with their names": """
Outcomes framework
Domain 1|Preventing people from dying prematurely
Domain 2|Enhancing quality of life
Domain 3|Helping people to recover""",
    "a dictionary with examples": """
Column name|Description|Example
month|The month of the data|202401
count|Number of people|120""",
    "particulars of a publication": """
Publication title|Statistical release
Reporting period|April 2024
Publication date|13/06/2024
Frequency|Monthly""",
    "steps of an instruction": """
1|Open the dashboard
2|Choose a provider
3|Press refresh""",
    "what was revised": """
Revisions to previously published data
Month|Provider|Nature of revision
Jan-24|RA1|Resubmitted after validation
Feb-24|RA2|Data corrected""",
    "sections and their pages": """
Section|Title|Page
A|Introduction|3
B|Activity|7
C|Waiting times|15""",
}
