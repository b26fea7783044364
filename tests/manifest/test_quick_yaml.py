"""YAML read quickly says what PyYAML says, and is written as PyYAML writes it."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from datawarp.quick_yaml import load_yaml, yaml_bytes

# Texts that YAML could take for something else, beside any others.
TEXTS = st.one_of(
    st.sampled_from(["007", "1e3", "0x1F", "1_000", "12:30:45", "yes", "NULL", "~", "2024-02-30", "2024-02-29", "<<"]),
    st.sampled_from(["=", ".inf", "-", "- a", "a: b", "# no comment", "*", "&a", "[c]", " x ", "", "tab\there"]),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=60),
    st.text("ab é:#'\"\n-", min_size=100, max_size=300),  # longer than a line
)
VALUES = st.recursive(
    st.one_of(TEXTS, st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.dates()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=20,
)

WRITTEN_BY_HAND = {
    "types": "{a: 1, b: 0o17, c: 017, d: 1.5e3, e: on, f: 2024-01-31, g: 2024-01-31T10:00:00Z, h: .NaN, i: '1'}",
    "merged keys": "base: &b {x: 1, y: 2}\nown: {<<: *b, y: 3}",
    "keys of all kinds": "{1: a, 2024-01-31: b, true: c, ~: d, 1.5: e}",
    "a key twice": "{a: 1, b: 2, a: 3}",
    "shared values": "first: &f [1, {x: y}]\nagain: *f\ntext: &t words\nonce more: *t",
    "other types": "a: !!set {x, y}\nb: !!omap [{k: v}]\nc: !!binary aGVsbG8=\nd: !!pairs [{k: v}]",
    "types by name": "a: !!str 5\nb: !!int '5'",
    "styles": "a: |\n  two\n  lines\nb: >-\n  folded\n  text\nc: 'quo''ted'\nd: \"\\u00e9\\n\"\n? long key\n: value",
    "nothing": "",
    "a comment": "# only\n",
    "a list": "- - a\n  - b\n-\n- {}\n- []",
    "a text": "one",
}
REFUSED = {
    "broken": "a: [1, 2",
    "a tag nobody knows": "a: !thing 5",
    "a list for a key": "{[1, 2]: 3}",
    "two documents": "a: 1\n--- \nb: 2",
    "an alias of nothing": "a: *b",
}


def ours_and_theirs(text: str) -> tuple[Any, Any]:
    return load_yaml(text), yaml.safe_load(text)


@given(VALUES)
def test_what_pyyaml_writes_is_read_alike(value: Any) -> None:
    for style in (None, "'", '"', "|"):
        ours, theirs = ours_and_theirs(yaml.safe_dump(value, allow_unicode=True, default_style=style))
        assert ours == theirs
        assert repr(ours) == repr(theirs)  # 1, 1.0 and True are equal


class Dumper(yaml.CSafeDumper):
    """Writes what occurs twice twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


@given(VALUES)
def test_it_is_written_alike(value: Any) -> None:
    theirs = yaml.dump(value, Dumper=Dumper, allow_unicode=True, width=120, sort_keys=False)
    assert yaml_bytes(value).decode() == theirs


@given(VALUES)
def test_what_is_written_is_read_again(value: Any) -> None:
    written = yaml_bytes(value)
    if all(
        text.isprintable() for text in texts_in(value)
    ):  # YAML has no form for some line ends and control characters
        assert load_yaml(written) == value


def texts_in(value: Any) -> list[str]:
    """All texts of a value, keys included."""
    if isinstance(value, dict):
        return [text for pair in value.items() for held in pair for text in texts_in(held)]
    if isinstance(value, list):
        return [text for held in value for text in texts_in(held)]
    return [value] if isinstance(value, str) else []


def test_keys_without_a_value_are_left_out_where_asked() -> None:
    value = {"a": None, "b": {"a": None, "c": [{"a": 0}, {"a": None}]}, "d": None}
    assert load_yaml(yaml_bytes(value, without=frozenset("a"))) == {"b": {"c": [{"a": 0}, {}]}, "d": None}


@pytest.mark.parametrize("text", WRITTEN_BY_HAND.values(), ids=WRITTEN_BY_HAND)
def test_what_people_write_is_read_alike(text: str) -> None:
    ours, theirs = ours_and_theirs(text)
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_what_pyyaml_refuses_is_refused(text: str) -> None:
    with pytest.raises(yaml.YAMLError):
        yaml.safe_load(text)
    with pytest.raises(yaml.YAMLError):
        load_yaml(text)


def test_a_value_that_occurs_again_is_made_once() -> None:
    """Or a page of aliases of aliases would fill the memory."""
    lists = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60))]
    loaded = load_yaml("\n".join(lists))
    assert loaded["a59"][0] is loaded["a59"][1] is loaded["a58"]


def test_dates_are_dates_in_every_reading() -> None:
    assert [load_yaml("2024-02-29") for _ in range(2)] == [date(2024, 2, 29)] * 2
    for _ in range(2):
        with pytest.raises(ValueError, match="day is out of range"):
            load_yaml("2024-02-30")
