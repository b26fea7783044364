"""Asking the warehouse without psql."""

from __future__ import annotations

import pytest

from datawarp.query import as_table, main


def test_rows_are_printed_under_their_names(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["SELECT 'a' AS name, 12 AS n UNION ALL SELECT NULL, 3 ORDER BY n DESC"]) == 0
    assert capsys.readouterr().out.splitlines() == ["name   n", "----  --", "a     12", "       3", "(2 rows)"]


def test_more_rows_than_the_limit_are_announced(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["SELECT generate_series(1, 5) AS n", "--limit", "2"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "(2 rows, 3 more: --limit or --csv)"


def test_csv_is_whole(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["SELECT generate_series(1, 3) AS n", "--csv", "--limit", "1"]) == 0
    assert capsys.readouterr().out == "n\n1\n2\n3\n"


def test_nothing_can_be_changed(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["DELETE FROM datawarp.tbl_load_history"]) == 1
    assert "read-only" in capsys.readouterr().err


def test_a_table_without_rows_keeps_its_names() -> None:
    assert as_table(["a", "b"], []) == "a  b\n-  -"
