"""What columns and tables mean, by rule: header words, dictionary, types, units.

Everything here is a function of the manifest and the dictionary; it is the layer that always answers.
"""

from __future__ import annotations

import re

from datawarp.enrich import words
from datawarp.enrich.dictionary import Concept, Dictionary
from datawarp.enrich.display import description, lower_case
from datawarp.manifest.models import Column, Source, SourceMetadata

_MOST_KEYWORDS, _MOST_TAGS = 12, 10
_LONGEST_NAME = 63
# Units that a header says already.
_UNIT_SAID = {"percent": r"(?i)%|percent|per cent|rate", "per": r"(?i)\bper [\d,]+", "GBP": "£"}
# Words of titles that nobody looks a table up by.
_NO_TAGS = frozenset(
    [
        *("number", "total", "table", "data", "figures", "csv", "by", "per", "not", "did", "all", "other", "only"),
        *(
            "over",
            "level",
            "submit",
            "scope",
            "between",
            "than",
            "under",
            "up",
            "part",
            "monthly",
            "weekly",
            "quarterly",
        ),
    ]
)
# Headers such as `Code` and `Name`: the values tell more.
_VAGUE = frozenset({"code", "name"})
_MEASURE_TYPES = frozenset({"integer", "numeric"})


def describe_source(source: Source, dictionary: Dictionary, publication_name: str) -> Source:
    """``source`` with what the rules say of it and of its columns, where nothing is said yet."""
    for entry in source.files:
        letters = set(entry.layout.wide_periods.columns) if entry.layout and entry.layout.wide_periods else set()
        for column in entry.columns:
            describe_column(column, dictionary, in_period=column.column in letters)
    if source.metadata is None:
        source.metadata = _metadata(source, dictionary)
    if source.description is None:
        source.description = description(source, publication_name, dictionary)
    return source


def describe_column(column: Column, dictionary: Dictionary, in_period: bool = False) -> None:
    """Fill what ``column`` has not been given: meaning, description, role and words to search by."""
    given = (column.is_measure, column.is_dimension, column.semantic_name, column.description, column.query_keywords)
    if None not in given:
        return
    key = words.timeless(column.original_name)
    concept = _concept(column, dictionary, key)
    if column.is_measure is None:
        column.is_measure = _is_measure(column, concept, in_period)
    if column.is_dimension is None:
        column.is_dimension = not column.is_measure
    if column.semantic_name is None:
        column.semantic_name = _semantic_name(column, concept, dictionary, in_period)
    if column.description is None:
        column.description = _column_description(column, concept, dictionary, in_period)
    if column.query_keywords is None:
        column.query_keywords = _keywords(column, concept, dictionary)


def _concept(column: Column, dictionary: Dictionary, key: str) -> Concept | None:
    """What the header stands for or, where it says too little, what the values look like."""
    concept = dictionary.concept(words.tokens(key))
    if concept is not None and concept.name not in _VAGUE:
        return concept
    shape = dictionary.shape(column.samples)
    if shape is None:
        return concept
    return Concept(shape.name, shape.description, "dimension", shape.level, shape.name.split("_"), from_values=True)


def _is_measure(column: Column, concept: Concept | None, in_period: bool) -> bool:
    if in_period:
        return True
    if concept is not None and concept.role is not None:
        return concept.role == "measure" and column.type in _MEASURE_TYPES
    return column.type in _MEASURE_TYPES


def _semantic_name(column: Column, concept: Concept | None, dictionary: Dictionary, in_period: bool) -> str:
    if in_period:
        return "value_of_period"
    if concept is not None and concept.exact:
        return concept.name
    header = words.tokens(words.timeless(column.original_name))
    spelled, printed = ("_".join(words.significant(" ".join(w))) for w in (dictionary.spelled_out(header), header))
    return (spelled if len(spelled) <= _LONGEST_NAME else printed)[:_LONGEST_NAME].strip("_") or column.name


def _column_description(column: Column, concept: Concept | None, dictionary: Dictionary, in_period: bool) -> str:
    if in_period:
        return f"Value in {column.period_label or column.original_name}."
    printed = words.FOOTNOTE.sub(" ", column.original_name).replace(" | ", ", ").replace("_", " ")
    spelled = dictionary.spelled_out_text(lower_case(" ".join(printed.split()).strip(" ,")))
    if concept is None:
        kind = {"date": "Date", "timestamp": "Date and time", "boolean": "Yes or no"}.get(column.type)
        text = f"{kind}: {spelled}" if kind and not re.search(r"(?i)date|time|day", spelled) else spelled
    elif concept.from_values:
        text = f"{spelled}: {_lower_first(concept.description)}"
    else:
        # A header that only resembles a term says more than printed nowhere: what is printed must do.
        text = concept.description if concept.exact else spelled
    if column.unit and not re.search(_UNIT_SAID.get(column.unit.split()[0], "$^"), text):
        text += f" ({column.unit})"
    return (
        (text[:1].upper() + text[1:]).rstrip(".") + "."
        if text
        else f"Column {column.column}, printed without a header."
    )


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


def _keywords(column: Column, concept: Concept | None, dictionary: Dictionary) -> list[str]:
    found = words.significant(words.timeless(column.original_name))
    found += [w for word in found for w in words.significant(dictionary.terms.get(word, "").lower())]
    if concept is not None:
        found += concept.keywords
    return list(dict.fromkeys(w for w in found if len(w) > 1))[:_MOST_KEYWORDS]


def _metadata(source: Source, dictionary: Dictionary) -> SourceMetadata:
    columns = {c.name: c for entry in source.files for c in entry.columns if c.period is None}
    wide = any(e.layout and e.layout.wide_periods and e.layout.wide_periods.unpivoted for e in source.files)
    measures = [n for n, c in columns.items() if c.is_measure] + (["value"] if wide else [])
    dimensions = [n for n, c in columns.items() if c.is_dimension] + (["reported_period"] if wide else [])
    concepts = [(c, _concept(c, dictionary, words.timeless(c.original_name))) for c in columns.values()]
    levels = [concept.level for _, concept in concepts if concept and concept.level]
    levels = levels or _levels_said(source, dictionary)
    granularity = min(levels, key=dictionary.order_of_level, default=None)
    record = "time series" if wide else "aggregate" if measures else "reference list"
    if any(concept and concept.name in dictionary.identifies_records for _, concept in concepts):
        record = "individual records"
    label = words.significant(words.timeless(source.name))
    tags = [w for w in label if not w[0].isdigit() and len(w) > 1]
    tags += [w for word in tags for w in words.significant(dictionary.terms.get(word, "").lower())]
    tags = [w for w in dict.fromkeys(tags) if w not in _NO_TAGS][:_MOST_TAGS]
    return SourceMetadata(
        record_type=record, granularity=granularity, measures=measures, dimensions=dimensions, tags=tags
    )


def _levels_said(source: Source, dictionary: Dictionary) -> list[str]:
    """The levels that title or sheet say the rows are of: ``by practice``, ``CCG level``, a sheet ``Provider``."""
    label = words.tokens(words.timeless(source.name))
    beside = zip(["", *label], label, [*label[1:], ""], strict=False)
    said = [w for before, w, behind in beside if before == "by" or behind == "level" or w in ("national", "england")]
    sheet = words.tokens(words.timeless_name(source.files[0].sheet or ""))
    said += sheet if len(sheet) <= 3 else []
    return [level for word in said if (level := dictionary.levels.get(word))]
