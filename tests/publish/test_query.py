"""Asking the warehouse without psql."""

from __future__ import annotations

import pytest

from datawarp.query import as_table, main


def test_rows_are_printed_under_their_names(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["SELECT 'a' AS name, 12 AS n UNION ALL SELECT NULL, 3 ORDER BY n DESC"]) == 0
    assert capsys.readouterr().out.splitlines() == ["name   n", "----  --", "a     12", "       3", "(2 rows)"]


def test_more_rows_than_the_limit_are_announced(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["SELECT generate_series(1, 5) AS n", "--limit", "2"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "(2 rows; there are more: --limit or --csv)"


def test_as_many_rows_as_the_limit_are_all(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["SELECT generate_series(1, 2) AS n", "--limit", "2"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "(2 rows)"


def test_no_rows_still_have_names(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["SELECT 1 AS n WHERE false", "--csv"]) == 0
    assert main(["SELECT 1 AS n WHERE false"]) == 0
    assert capsys.readouterr().out == "n\nn\n-\n(0 rows)\n"


def test_what_is_no_query_is_refused_in_words(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["SELEC 1"]) == 1
    assert capsys.readouterr().err.startswith('syntax error at or near "SELEC"\nLINE 1: SELEC 1\n')


def test_what_has_no_cursor_is_answered_too(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["SHOW transaction_read_only"]) == 0
    assert "on" in capsys.readouterr().out.split()


def test_csv_is_whole(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["SELECT generate_series(1, 3) AS n", "--csv", "--limit", "1"]) == 0
    assert capsys.readouterr().out == "n\n1\n2\n3\n"


def test_nothing_can_be_changed(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["DELETE FROM datawarp.tbl_load_history"]) == 1
    assert "read-only" in capsys.readouterr().err


def test_a_table_without_rows_keeps_its_names() -> None:
    assert as_table(["a", "b"], []) == "a  b\n-  -"
