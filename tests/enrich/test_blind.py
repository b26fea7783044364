"""Releases that were made up, with their continuations, before they were ever matched: nothing merges wrongly."""

from __future__ import annotations

from pathlib import Path

from sequences import followed, pairs, read_sequences


def test_what_was_written_down_beforehand_comes_true() -> None:
    found = [p for s in read_sequences(Path(__file__).with_name("blind_releases.yaml")) for p in pairs(s, followed(s))]
    together = [p for p in found if p.together]
    expected = [p for p in found if p.same and not p.open_to_doubt]
    assert len(together) > 170
    assert [p for p in together if not p.same] == []
    assert len([p for p in expected if not p.together]) <= 0.05 * len(expected), [p for p in expected if not p.together]
