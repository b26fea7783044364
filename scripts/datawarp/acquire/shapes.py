"""Periods in addresses, and the shape of a release's address: what is left when its period is taken out.

``…/mi-adhd/august-2025`` and ``…/mi-adhd/september-2025`` have one shape. So have
``…/2025/12/November-2025-AE-by-provider-0Qu74-1.xls`` and ``…/2026/01/December-2025-AE-by-provider-Sa9Xc.xls``:
folders of uploads by month, and the random or revision marks at a name's end, do not count.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from urllib.parse import unquote, urlsplit

from datawarp.acquire.sniff import DATA_EXTENSIONS, extension
from datawarp.errors import RegistryError
from datawarp.registry.periods import MONTHS, Period, parse_period

_LONG = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_NAMES = "|".join((*_LONG, *MONTHS, "sept"))
_MONTH = f"(?P<month>{_NAMES})"
_SEP = r"[-_ .+]{0,3}"
_START, _END = r"(?<![0-9a-z])", r"(?![0-9a-z])"
_YEAR = r"(?P<year>(?:19|20)[0-9]{2})"
_SPAN = r"(?P<year>20[0-9]{2})[-_/ ]?(?:20)?(?P<next>[0-9]{2})"

Fields = dict[str, str]


@dataclass(frozen=True)
class PeriodMatch:
    """A period found at ``start``–``end`` of a text."""

    start: int
    end: int
    period: Period


@dataclass(frozen=True)
class Shape:
    """An address without its period."""

    text: str
    period: Period


def find_periods(text: str, kind: str) -> list[PeriodMatch]:
    """The periods of ``kind`` in ``text``, left to right. A day stands for the month or the week that holds it."""
    lowered = text.lower()
    found: list[PeriodMatch] = []
    for pattern, code in _PATTERNS[kind]:
        for match in pattern.finditer(lowered):
            if any(match.start() < other.end and other.start < match.end() for other in found):
                continue
            try:
                period = parse_period(code(match.groupdict()))
            except (RegistryError, ValueError):
                continue
            found.append(PeriodMatch(match.start(), match.end(), period))
    return sorted(found, key=lambda each: each.start)


def shape_of(url: str, kind: str) -> Shape | None:
    """The shape of a release's address and the period in it; ``None`` when it holds none, or several."""
    parts = urlsplit(url)
    folder, _, last = unquote(parts.path).rstrip("/").rpartition("/")
    ext = extension(last)
    stem = last[: -len(ext) - 1] if ext in DATA_EXTENSIONS else last
    matches = find_periods(stem, kind)
    if not matches or len({match.period.canonical for match in matches}) > 1:
        return None
    for match in reversed(matches):
        stem = f"{stem[: match.start]}-{{}}-{stem[match.end :]}"
    words = [word for word in re.split(r"[-_ .+]+", stem) if word]
    while len(words) > 1 and _is_suffix(words[-1]):
        words.pop()
    folder = re.sub(r"/(19|20)\d\d/(0[1-9]|1[0-2])(?=/|$)", "/{}", folder)
    ending = "data" if ext in DATA_EXTENSIONS else "page"
    text = f"{(parts.hostname or '').lower()}{folder.lower()}/{' '.join(words).lower()} ({ending})"
    return Shape(text, matches[0].period)


def _is_suffix(word: str) -> bool:
    """Whether a word at a name's end marks a revision or is one of the random marks that sites add."""
    if re.fullmatch(r"v?\d+|revised|revision|rev|final|updated?|corrected", word, re.I):
        return True
    random = re.fullmatch(r"[A-Za-z0-9]{5,8}", word) is not None
    return random and (re.search(r"\d", word) is not None or re.search(r".[A-Z]", word) is not None)


def _month_code(f: Fields) -> str:
    return f"{f['month'][:3]}{f['year'][-2:]}"


def _month_number_code(f: Fields) -> str:
    return f"{MONTHS[int(f['number']) - 1]}{f['year'][-2:]}"


def _quarter_code(f: Fields) -> str:
    return f"q{f['quarter']}-{f['year'][-2:]}{f['next']}"


def _months_quarter_code(f: Fields) -> str:
    """Three months from April, July, October or January; ``year`` is that of the last of them."""
    first = MONTHS.index(f["first"][:3]) + 1
    last = MONTHS.index(f["month"][:3]) + 1
    if (first, last) not in ((4, 6), (7, 9), (10, 12), (1, 3)):
        raise ValueError("no quarter")
    begins = int(f["year"]) - (first == 1)
    return f"q{(first - 4) % 12 // 3 + 1}-{begins % 100:02d}{(begins + 1) % 100:02d}"


def _day(f: Fields) -> date:
    number = int(f["number"]) if f.get("number") else MONTHS.index(f["month"][:3]) + 1
    return date(int(f["year"]), number, int(f["day"]))


def _day_code(f: Fields) -> str:
    return _day(f).isoformat()


def _day_month_code(f: Fields) -> str:
    day = _day(f)
    return f"{MONTHS[day.month - 1]}{day:%y}"


def _day_week_code(f: Fields) -> str:
    year, week, _ = _day(f).isocalendar()
    return f"{year}-w{week:02d}"


_Pattern = tuple[re.Pattern[str], Callable[[Fields], str]]


def _compiled(*patterns: tuple[str, Callable[[Fields], str]]) -> tuple[_Pattern, ...]:
    return tuple((re.compile(f"{_START}{pattern}{_END}"), code) for pattern, code in patterns)


def _days(code: Callable[[Fields], str]) -> Iterator[tuple[str, Callable[[Fields], str]]]:
    yield rf"(?P<day>[0-3]?[0-9])(?:st|nd|rd|th)?{_SEP}{_MONTH}{_SEP}{_YEAR}", code
    yield rf"{_YEAR}-(?P<number>[01][0-9])-(?P<day>[0-3][0-9])", code
    yield rf"{_YEAR}(?P<number>[01][0-9])(?P<day>[0-3][0-9])", code


_PATTERNS: dict[str, tuple[_Pattern, ...]] = {
    "day": _compiled(*_days(_day_code)),
    "week": _compiled(
        (rf"week{_SEP}(?P<week>[0-9]{{1,2}}){_SEP}{_YEAR}", lambda f: f"{f['year']}-w{int(f['week']):02d}"),
        (rf"{_YEAR}{_SEP}(?:week|wk|w){_SEP}(?P<week>[0-9]{{1,2}})", lambda f: f"{f['year']}-w{int(f['week']):02d}"),
        *_days(_day_week_code),
    ),
    "month": _compiled(
        *_days(_day_month_code),
        (rf"{_MONTH}{_SEP}{_YEAR}", _month_code),
        (rf"{_MONTH}[-_ ]?(?P<year>[0-9]{{2}})", _month_code),
        (rf"{_YEAR}{_SEP}{_MONTH}", _month_code),
        (rf"{_YEAR}[-_ ]?(?P<number>0[1-9]|1[0-2])", _month_number_code),
    ),
    "quarter": _compiled(
        (rf"(?:q|quarter|qtr){_SEP}(?P<quarter>[1-4]){_SEP}(?:of{_SEP}|fy{_SEP})?{_SPAN}", _quarter_code),
        (rf"(?:q|quarter){_SEP}(?P<quarter>[1-4]){_SEP}(?P<year>[0-9]{{2}})-?(?P<next>[0-9]{{2}})", _quarter_code),
        (rf"{_SPAN}{_SEP}(?:q|quarter|qtr){_SEP}(?P<quarter>[1-4])", _quarter_code),
        (
            rf"(?P<first>{_NAMES}){_SEP}(?:20[0-9]{{2}}{_SEP})?(?:to{_SEP})?{_MONTH}{_SEP}{_YEAR}",
            _months_quarter_code,
        ),
    ),
    "financial_year": _compiled(
        (_SPAN, lambda f: f"fy{f['year'][-2:]}{f['next']}"),
        (r"fy[-_ ]?(?P<year>[0-9]{2})-?(?P<next>[0-9]{2})", lambda f: f"fy{f['year']}{f['next']}"),
    ),
    "year": _compiled((_YEAR, lambda f: f["year"])),
}
