"""Remarks around a table: how a text that is a note, a source or a link begins."""

from __future__ import annotations

import re

_FOOTNOTE = re.compile(
    r"""(?:sources?|bron|fonte|fuente|quelle|kilde|källa|note|notes|footnote|footnotes|key|legend|symbols?
        |(?:crown\ )?copyright|\(c\)\ ?(?:crown|opyright)|stand:
        |contact|published|produced\ by|date\ of\ (?:publication|extract\w*)|data\ quality|page\ \d+
        |back\ to|return\ to|link\ to|go\ to|see\ |please\ |this\ (?:table|worksheet|data|sheet)
        |these\s|for\s(?:more|further|queries|enquiries)
        |(?:the\ )?(?:figures|data|totals?|percentages)
         \ (?:are|is|may|do|have|exclude|include|relate|refer|shown|extracted|provided)
        |(?:excludes|includes)\ |provisional(?:\ (?:data|figures|results|estimates))?$
        |end\ of\ (?:table|worksheet)|(?:table\ )?last\ updated|next\ (?:update|release|publication)|release\ date
        |e-?mail|http|www)
        (?:\b|:|$)
        |©|\S{1,5}\s*=\s*\S
        |\[?[a-z]\]?\s*[=:–-]?\s.*\b(?:provisional|revised|estimate[ds]?|suppress\w*|confidential|break\ in)\b
        |\S{1,4}\s+(?:denotes?|means|indicates?|represents?|refers|stands\ for)\b
        |[_=—–-]{4,}$|[*†‡§#]+\s*(?:\S+\s|[a-z]{3})|(?-i:[a-z]\s+[A-Z][a-z])
        |[\[(]?(?:\d{1,2}|[a-z])[\])]\s|\d{1,2}[.:]\s|\d{1,2}\s+(?-i:[A-Z])""",
    re.X | re.I,
)
_NUMBERED = re.compile(r"[\[(]?(?:\d{1,2}|[a-z])[\]).:]\s|\d{1,2}\s", re.I)


def is_numbered(text: str) -> bool:
    """Whether a text begins with its number, as notes and labels may: ``1. …``, ``(a) …``."""
    return _NUMBERED.match(text) is not None


def is_footnote(text: str) -> bool:
    """Whether a text reads like a note: ``Source: …``, ``1. …``, ``* …``, ``[c] = …``, or a sentence."""
    return _FOOTNOTE.match(text) is not None
