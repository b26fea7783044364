"""Number formats that matter to a reader: percent, currency, dates, and figures padded with zeros."""

from __future__ import annotations

import re

# Built-in formats that files refer to by number alone (ECMA-376 part 1, 18.8.30; the British forms of 5–8).
BUILT_IN = {
    5: "£#,##0",
    6: "£#,##0",
    7: "£#,##0.00",
    8: "£#,##0.00",
    9: "0%",
    10: "0.00%",
    14: "dd/mm/yyyy",
    15: "d-mmm-yy",
    16: "d-mmm",
    17: "mmm-yy",
    18: "h:mm AM/PM",
    19: "h:mm:ss AM/PM",
    20: "h:mm",
    21: "h:mm:ss",
    22: "dd/mm/yyyy h:mm",
    45: "mm:ss",
    46: "[h]:mm:ss",
    47: "mm:ss.0",
}
_LITERAL = re.compile(r'"[^"]*"|\\.|_.|\*.')
_TELLING = re.compile(r"%|[£$€¥]|[dmyhs]|^0{2,}$", re.I)


def tells(code: str) -> bool:
    """Whether a format code says more of a cell than its value does."""
    bare = _LITERAL.sub("", code)
    bare = re.sub(r"\[(?!\$)[^\]]*\]", "", bare)
    return bare.lower() != "general" and (_TELLING.search(bare) is not None or re.search(r'"[£€$%]', code) is not None)


def telling_styles(formats: list[int], codes: dict[int, str]) -> dict[int, str]:
    """Style number → format code, for the styles whose format tells something.

    ``formats`` has the format number of each style, ``codes`` the formats that the file defines.
    """
    known: dict[int, str] = {}
    for number in set(formats):
        code = codes.get(number) or BUILT_IN.get(number)
        if code and tells(code):
            known[number] = code
    return {style: known[number] for style, number in enumerate(formats) if number in known}


def prints_day(code: str) -> bool | None:
    """Whether the first section of a format code prints a number as a day or a time; None for an elapsed time."""
    first = _LITERAL.sub("", code).partition(";")[0]
    if re.search(r"\[(?:h+|m+|s+)\]", first, re.I):
        return None
    return re.search(r"[dmyhs]|a/p|am/pm", re.sub(r"\[[^\]]*\]", "", first), re.I) is not None


def day_styles(formats: list[int], codes: dict[int, str]) -> tuple[frozenset[int], frozenset[int]]:
    """The styles that print a number as a day or a time, and those that print it as an elapsed time."""
    told = {number: prints_day(codes.get(number) or BUILT_IN.get(number) or "") for number in set(formats)}
    days, elapsed = (frozenset(s for s, number in enumerate(formats) if told[number] is kind) for kind in (True, None))
    return days, elapsed
