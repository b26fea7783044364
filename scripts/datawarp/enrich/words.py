"""Words of titles, sheet names and file names without what changes from release to release.

Dates, periods, versions and the random suffixes of content systems go; numbers that say what a table
holds stay (``Table 10``, ``aged 5 to 17``, ``COVID-19``). Separators count as blanks, underscores too:
``\\b`` does not break at ``_``, so no pattern here sees one.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from urllib.parse import unquote

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
    r"oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_YEAR = r"(?:19|20)\d\d"
_SHORT = r"(?:[-/ ']?\d\d)"
_DAY = r"(?:3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)?"
_WEEKDAY = r"(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?"
_TWO_YEARS = rf"{_YEAR}[-/ ]+(?:to )?(?:{_YEAR}|\d\d)(?!\d)"


def _bounded(pattern: str) -> str:
    return rf"(?<![a-z0-9]){pattern}(?![a-z0-9])"


# What names a moment or a stretch of time wherever it is printed, longest forms first.
TIMES = re.compile(
    "|".join(
        _bounded(p)
        for p in (
            rf"{_YEAR}[-/. ](?:0?[1-9]|1[0-2])[-/. ](?:3[01]|[12]\d|0?[1-9])(?:[t ]\d\d:\d\d(?::\d\d)?)?",
            r"(?:3[01]|[12]\d|0?[1-9])[-/.](?:0?[1-9]|1[0-2])[-/.](?:(?:19|20)\d\d|\d\d)",
            r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])",
            rf"(?:{_WEEKDAY},? )?{_DAY}[- ]?(?:of )?{_MONTH},?(?:[- ]?{_YEAR}|{_SHORT})?",
            rf"{_MONTH} {_DAY},? {_YEAR}",
            rf"{_MONTH}[-/ ]?(?:to |and )?{_MONTH},?(?:[- ]?{_YEAR}|{_SHORT})",
            rf"{_MONTH},?[-/ ']*{_YEAR}(?:[-/]\d\d(?!\d))?",
            rf"{_MONTH}[-/ ']?\d\d",
            rf"(?:quarter|qtr|q)[- ]?[1-4](?: of)?,?[-/ ]*(?:{_TWO_YEARS}|{_YEAR}|\d\d[-/]?\d\d|\d\d)?",
            rf"(?:{_TWO_YEARS}|{_YEAR}|\d\d[-/]\d\d),?[-/ ]*(?:quarter|qtr|q) ?[1-4]",
            r"(?:week|wk|w)(?: (?:no|number|ending|ended|commencing))? ?(?:5[0-3]|[1-4]\d|0?[1-9]),?[-/ ]*"
            rf"(?:{_YEAR})?",
            rf"{_YEAR}[-/ ]?w(?:5[0-3]|[1-4]\d|0[1-9])",
            rf"(?:fy|financial year|year ending|year to)[-/ ]*(?:{_TWO_YEARS}|\d\d[-/]?\d\d|{_YEAR})",
            rf"{_TWO_YEARS}",
            rf"{_YEAR}",
            r"(?:january|february|april|june|july|august|september|october|november|december)",
        )
    )
)
# In the names of files and sheets also months alone, and years written 1516.
_NAME_TIMES = re.compile(_bounded(_MONTH))
_YEAR_PAIR = re.compile(_bounded(r"(\d\d)(\d\d)"))
# The number of `Table 10 Aug25` is no day; a mark behind it keeps the patterns above from reading across.
_COUNTED = re.compile(_bounded(r"((?:table|tab|sheet|part|chart|figure|fig|annex|appendix|section)[ -]?\d{1,3}[a-z]?)"))
_KEPT = "\x01"
_VERSION = re.compile(
    "|".join(
        _bounded(p)
        for p in (
            r"v ?\d+(?:[-. ]\d+)*",
            r"version ?\d+(?:\.\d+)*",
            r"(?:revised|revision|final|copy|updated?|amended|corrected|refreshed?|published|publication|draft|new)",
            r"\(\d\)",
        )
    )
)
FOOTNOTE = re.compile(
    r"\[(?:notes? ?)?[a-z]?\d*(?:(?:[ ,;&]+|and)+(?:notes? ?)?\d+)*\]|\((?:notes?|see note)[^)]{0,20}\)", re.I
)
_AE = re.compile(r"\bA ?& ?E\b", re.I)
_SUPERSCRIPTS = str.maketrans(dict.fromkeys("¹²³⁰⁴⁵⁶⁷⁸⁹†‡§", " "))
_GLUED = re.compile(rf"(?<![a-z])({_MONTH})({_YEAR})(?!\d)")
_GLUED_IN_NAME = re.compile(
    rf"(?<=[a-z])((?:january|february|march|april|june|july|august|september|october|november|december) ?{_YEAR})(?!\d)"
)
# Dates that names write without separators, glued to words too: `quotes202501`, `210114`, `31032024`, `week402022`.
_MONTH_NUMBER, _DAY_NUMBER = r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12]\d|3[01])"
_DIGITS_ONLY = re.compile(
    r"(?<!\d)(?:"
    rf"20\d\d{_MONTH_NUMBER}(?:{_DAY_NUMBER})?|{_DAY_NUMBER}{_MONTH_NUMBER}20\d\d|"
    rf"[12]\d{_MONTH_NUMBER}{_DAY_NUMBER}|{_DAY_NUMBER}{_MONTH_NUMBER}[12]\d|(?<=week)(?:5[0-3]|[0-4]\d)20\d\d"
    r")(?!\d)"
)
_YEAR_BEFORE_WORD = re.compile(rf"(?<![a-z0-9])({_YEAR})(?=[a-z]{{3}})")
# `2. Primary care`, `1 General Practice`, and no `2 week waits`, `4WW`.
_ORDINAL = re.compile(
    r"^\s*\d{1,2}(?:[.)]\s*(?=[A-Za-z])|\s+[-\u2013]?\s*(?=[A-Z][a-z])(?!(?i:weeks?|days?|months?|years?|hours?|minutes?)\b))"
)
_WORD = re.compile(r"[a-z]+\d+[a-z]*|[a-z]+|\d+[a-z]*")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z][a-z])")
_NUMBERED = re.compile(
    r"^\s*(?:table|tab|chart|figure|fig|sheet|annex|appendix)\s+([0-9]+(?:[._][0-9]+)*[a-z]?|[a-z][0-9]{0,2})\b\s*[:.\-–—]*\s*",
    re.I,
)

STOP_WORDS = frozenset(
    [
        *("a", "an", "the", "of", "in", "for", "and", "or", "to", "on", "at", "via", "with", "from", "into", "within"),
        *("that", "which", "who", "whom", "this", "these", "those", "their", "its", "it"),
        *("is", "are", "as", "be", "was", "were", "has", "have", "been"),
    ]
)

_LETTERED = frozenset(
    ["part", "section", "sections", "table", "annex", "appendix", "schedule", "type", "category", "hepatitis"]
)


def plain(text: str) -> str:
    """``text`` in lower-case ASCII, accents and footnote marks gone, every dash a hyphen, blanks single."""
    text = _AE.sub("AE", FOOTNOTE.sub(" ", text.translate(_SUPERSCRIPTS)))
    text = unicodedata.normalize("NFKD", text)
    text = (
        re.sub("[\u2010-\u2015\u2212]", "-", text)
        .replace("\u2019", "'")
        .replace("&", " and ")
        .replace("%", " percent ")
    )
    text = "".join(c if c.isascii() else "" if unicodedata.combining(c) else " " for c in text).lower()
    return re.sub(r"\s+", " ", text).strip()


@lru_cache(maxsize=8192)
def timeless(text: str) -> str:
    """A title or header in lower case without dates and periods.

    ``Number waiting >1-2 weeks, April 2024`` → ``number waiting >1-2 weeks,``. Numbers that are no date stay.
    """
    return re.sub(r"\s+", " ", _without_times(plain(text.replace("_", " ")))).strip()


def _without_times(text: str) -> str:
    marked = _COUNTED.sub(rf"\1{_KEPT}", _GLUED.sub(r"\1 \2", text))
    return TIMES.sub(" ", marked).replace(_KEPT, "")


@lru_cache(maxsize=8192)
def timeless_name(text: str) -> str:
    """The name of a sheet or file in lower case without dates, versions and random suffixes.

    ``Quarter-3-2025-26-AE-by-provider-jvRWD.xls`` → ``ae by provider``; ``Weekly figures 2018`` → ``weekly figures``.
    """
    text = unquote(text)
    text = re.sub(r"\.(?:xlsx|xlsm|xlsb|xls|ods|csv|tsv|txt|zip|gz)(?=$|\.)", "", text, flags=re.I)
    text = _DIGITS_ONLY.sub(" ", _without_suffix(text.replace("_", " ")))
    text = plain(_CAMEL.sub(" ", _ORDINAL.sub("", text)))
    text = _VERSION.sub(" ", _YEAR_BEFORE_WORD.sub(r"\1 ", _GLUED_IN_NAME.sub(r" \1", text)))
    text = _without_times(text)
    text = _YEAR_PAIR.sub(lambda m: " " if (int(m[1]) + 1) % 100 == int(m[2]) else m[0], text)
    text = _NAME_TIMES.sub(" ", _VERSION.sub(" ", text.replace("-", " ")))
    return re.sub(r"[\s\-.]+", " ", text).strip(" ,;:()")


def _without_suffix(name: str) -> str:
    """``name`` without the random part that content systems append after the last hyphen.

    Five or more digits; five or six characters with a digit among letters; or letters in an order of
    cases that no word has (``jvRWD``).
    """
    while True:
        match = re.search(r"-([A-Za-z0-9]{4,8})(?=$|-(?:revised|final|v\d+|\d)\b)", name)
        if not match or not _random(match[1]):
            return name
        name = name[: match.start()] + name[match.end() :]


def _random(token: str) -> bool:
    if token.isdigit():
        return len(token) >= 5 and not re.fullmatch(r"(?:19|20)\d{6}", token)
    if re.fullmatch(rf"(?:{_MONTH}|fy|q[1-4])\d*|\d*[a-z]+(?:19|20)\d\d", token.lower()):
        return False
    digits = sum(c.isdigit() for c in token)
    if digits:
        return len(token) == 5 and not re.fullmatch(r"[A-Za-z]+\d{1,2}|\d+[a-z]+", token)
    return len(token) == 5 and bool(re.search(r"[a-z][A-Z]", token)) and not re.fullmatch(r"(?:[A-Z][a-z]+)+", token)


def tokens(text: str) -> list[str]:
    """The words and numbers of lower-case ``text``, in order."""
    return list(_tokens(text))


@lru_cache(maxsize=8192)
def _tokens(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(text))


def significant(text: str) -> list[str]:
    """:func:`tokens` without words that say nothing; the letter of ``Part A`` says something."""
    return list(_significant(text))


@lru_cache(maxsize=8192)
def _significant(text: str) -> tuple[str, ...]:
    found = _tokens(text)
    return tuple(
        word
        for before, word in zip(("", *found), found, strict=False)
        if word not in STOP_WORDS or (word == "a" and before in _LETTERED)
    )


def unmarked(text: str) -> str:
    """Lower-case ``text`` without footnote numbers glued to words: ``registered7`` → ``registered``."""
    return re.sub(r"(?<=[a-z]{4})\d(?![a-z0-9])", "", text)


def split_number(title: str) -> tuple[str | None, str]:
    """``Table 4a: Number waiting`` → (``4a``, ``Number waiting``); no number gives ``None`` and the title."""
    match = _NUMBERED.match(title)
    return (match[1].lower(), title[match.end() :]) if match else (None, title)


def numbers(words: list[str]) -> tuple[str, ...]:
    """The tokens that begin with a digit, in order."""
    return tuple(w for w in words if w[0].isdigit())
