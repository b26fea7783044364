"""Backups on a real server: dumped, described, kept by generations, damaged, and restored."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from datawarp.errors import LifecycleError
from datawarp.lifecycle import restore_backup as restore_module
from datawarp.lifecycle.backup import Backup, backup, backups, superseded
from datawarp.lifecycle.dependents import dependents
from datawarp.lifecycle.fingerprint import SCHEMAS, fingerprint
from datawarp.lifecycle.pgtools import Tools, connection_environment, find_tools
from datawarp.lifecycle.restore_backup import restore_backup
from datawarp.lifecycle.retention import Generations
from datawarp.registry.paths import Paths
from datawarp.warehouse.connection import open_connection

KEEP = Generations()


class Clock:
    """Seconds that pass with every look, from a fixed moment."""

    def __init__(self, start: datetime = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)) -> None:
        self.now = start

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


def execute(url: str, statement: str) -> None:
    connection = open_connection(url)
    with connection, connection.cursor() as cursor:
        cursor.execute(statement)
    connection.close()


def scalar(url: str, query: str) -> object:
    connection = open_connection(url)
    with connection, connection.cursor() as cursor:
        cursor.execute(query)
        row = cursor.fetchone()
    connection.close()
    return row[0] if row else None


@pytest.fixture
def warehouse(database_url: str) -> str:
    """A warehouse with one source whose values are of every kind that prints in a way of its own."""
    execute(
        database_url,
        """
        INSERT INTO datawarp.tbl_canonical_sources (source_code, publication, name) VALUES ('b', 'b', 'Beds');
        INSERT INTO datawarp.tbl_data_sources (source_code, publication, table_name) VALUES ('b', 'b', 'tbl_beds');
        CREATE TABLE staging.tbl_beds (org text, beds bigint, rate double precision, day date, at timestamp, ok boolean,
            _loaded_at timestamptz);
        INSERT INTO staging.tbl_beds SELECT 'R' || n, n, n / 7.0, date '2026-01-01' + n, timestamp '2026-01-01' +
            n * interval '1 hour', n %% 2 = 0, timestamptz '2026-01-01 00:00:00+00' FROM generate_series(1, 500) n;
        INSERT INTO staging.tbl_beds VALUES (NULL, NULL, 'NaN', NULL, NULL, NULL, now()), ('it''s "é" \\', 1, 0.1, NULL,
            NULL, NULL, NULL);
        """.replace("%%", "%"),
    )
    return database_url


def figures(url: str) -> object:
    connection = open_connection(url)
    try:
        return fingerprint(connection)
    finally:
        connection.close()


def test_a_backup_brings_back_what_was_lost(warehouse: str, tmp_path: Path) -> None:
    paths, clock = Paths(tmp_path), Clock()
    before = figures(warehouse)
    made = backup(paths, warehouse, clock, KEEP).made
    execute(
        warehouse,
        "UPDATE staging.tbl_beds SET beds = beds + 1 WHERE org = 'R7'; DELETE FROM staging.tbl_beds WHERE org = 'R8';"
        "CREATE TABLE staging.tbl_later (x int)",
    )

    report = restore_backup(paths, warehouse, clock)

    assert report.used == made
    assert figures(warehouse) == before
    assert "staging.tbl_later: 0 rows before, not there now" in report.text()
    assert "staging.tbl_beds: 501 rows before, 502 rows now" in report.text()
    schemas = scalar(
        warehouse, "SELECT array_agg(nspname::text ORDER BY nspname) FROM pg_namespace WHERE nspname !~ '^pg_'"
    )
    assert schemas == ["datawarp", "information_schema", "public", "staging"]
    execute(warehouse, "DELETE FROM datawarp.tbl_data_sources")
    assert scalar(warehouse, "SELECT to_regclass('staging.tbl_beds')") is None, "the trigger works after a restore"


def test_a_backup_restores_into_an_empty_database(warehouse: str, tmp_path: Path) -> None:
    paths, clock = Paths(tmp_path), Clock()
    before = figures(warehouse)
    backup(paths, warehouse, clock, KEEP)
    execute(warehouse, "DROP SCHEMA datawarp CASCADE; DROP SCHEMA staging CASCADE; CREATE TABLE public.mine (x int)")

    restore_backup(paths, warehouse, clock)

    assert figures(warehouse) == before
    assert scalar(warehouse, "SELECT to_regclass('public.mine')::text") == "mine", "other people's tables stay"


def test_the_dump_and_its_figures_are_of_one_moment(
    warehouse: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A load that commits between the dump and the count is in neither."""
    run = Tools.run

    def run_and_load(tools: Tools, program: str, *args: object, **options: object) -> None:
        run(tools, program, *args, **options)  # type: ignore[arg-type]
        if program == "pg_dump":
            execute(warehouse, "INSERT INTO staging.tbl_beds (org) VALUES ('late')")

    monkeypatch.setattr(Tools, "run", run_and_load)
    made = backup(Paths(tmp_path), warehouse, Clock(), KEEP).made
    assert made.tables["staging.tbl_beds"].rows == 502
    restore_backup(Paths(tmp_path), warehouse, Clock())


def test_a_damaged_backup_is_refused_and_the_one_before_is_used(warehouse: str, tmp_path: Path) -> None:
    paths, clock = Paths(tmp_path), Clock()
    first = backup(paths, warehouse, clock, KEEP).made
    clock.now += timedelta(days=1)
    second = backup(paths, warehouse, clock, KEEP).made
    body = bytearray(second.path.read_bytes())
    body[len(body) // 2] ^= 1
    second.path.write_bytes(bytes(body))

    with pytest.raises(LifecycleError, match="is damaged"):
        restore_backup(paths, warehouse, clock, second.path)
    assert restore_backup(paths, warehouse, clock).used.file == first.file


def test_a_backup_that_does_not_come_out_as_described_changes_nothing(warehouse: str, tmp_path: Path) -> None:
    paths, clock = Paths(tmp_path), Clock()
    made = backup(paths, warehouse, clock, KEEP).made
    described = made.sidecar.read_text().replace('"rows": 502', '"rows": 503')
    made.sidecar.write_text(described)
    before = figures(warehouse)

    with pytest.raises(LifecycleError, match="502 rows, 503 expected"):
        restore_backup(paths, warehouse, clock)

    assert figures(warehouse) == before
    assert scalar(warehouse, "SELECT count(*) FROM pg_database WHERE datname LIKE 'datawarp_restore_%'") == 0


@pytest.mark.parametrize("dies", ["pg_restore", "psql"])
def test_a_swap_that_dies_half_way_leaves_the_old_state(
    warehouse: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies: str
) -> None:
    """One of the programs of the swap is a script that passes on some of the bytes and then fails."""
    paths, clock = Paths(tmp_path), Clock()
    backup(paths, warehouse, clock, KEEP)
    execute(warehouse, "UPDATE staging.tbl_beds SET beds = 0")
    before = figures(warehouse)
    real = find_tools(180000)
    folder = tmp_path / "bin"
    folder.mkdir()
    for program in ("pg_dump", "pg_restore", "psql"):
        (folder / program).symlink_to(real.folder / program)
    broken = folder / dies
    broken.unlink()
    body = {
        "pg_restore": f'{real.folder}/pg_restore "$@" | head -c 30000; exit 1',
        "psql": f'head -c 30000 | {real.folder}/psql "$@"; exit 1',
    }[dies]
    broken.write_text(f"#!/bin/sh\n{body}\n")
    broken.chmod(0o755)
    monkeypatch.setattr(restore_module, "_try_out", lambda *_: None)
    monkeypatch.setattr(restore_module, "find_tools", lambda _: Tools(folder, real.major, real.version))

    with pytest.raises(LifecycleError, match="failed"):
        restore_backup(paths, warehouse, clock)

    assert figures(warehouse) == before


def test_a_write_right_after_the_swap_puts_the_old_state_back_with_its_views(
    warehouse: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program of the swap is a script that writes to the warehouse as soon as the swap is committed."""
    paths, clock = Paths(tmp_path), Clock()
    backup(paths, warehouse, clock, KEEP)
    execute(warehouse, "UPDATE staging.tbl_beds SET beds = 0")
    execute(warehouse, "CREATE VIEW public.v AS SELECT sum(beds) AS n FROM staging.tbl_beds")
    before, real = figures(warehouse), find_tools(180000)
    folder = tmp_path / "bin"
    folder.mkdir()
    for program in ("pg_dump", "pg_restore"):
        (folder / program).symlink_to(real.folder / program)
    psql = real.folder / "psql"
    (folder / "psql").write_text(f'#!/bin/sh\n{psql} "$@" && {psql} -qc "UPDATE staging.tbl_beds SET beds = 7"\n')
    (folder / "psql").chmod(0o755)
    monkeypatch.setattr(restore_module, "find_tools", lambda _: Tools(folder, real.major, real.version))

    with pytest.raises(LifecycleError, match="the old state was put back"):
        restore_backup(paths, warehouse, clock)

    assert figures(warehouse) == before
    assert scalar(warehouse, "SELECT n FROM public.v") == 0
    assert scalar(warehouse, "SELECT count(*) FROM pg_namespace WHERE nspname ~ 'before|failed'") == 0


def test_an_empty_database_is_no_backup(database_url: str, tmp_path: Path) -> None:
    execute(database_url, "DROP SCHEMA datawarp CASCADE; DROP SCHEMA staging CASCADE")
    with pytest.raises(LifecycleError, match="nothing to back up"):
        backup(Paths(tmp_path), database_url, Clock(), KEEP)
    assert not list(tmp_path.rglob("*.dump"))


def test_a_dump_without_its_description_is_told_and_not_used(warehouse: str, tmp_path: Path) -> None:
    paths, clock = Paths(tmp_path), Clock()
    made = backup(paths, warehouse, clock, KEEP).made
    made.sidecar.unlink()
    assert backups(paths) == ([], {made.file: "it has no description: the backup was cut off"})
    with pytest.raises(LifecycleError, match="no good backup"):
        restore_backup(paths, warehouse, clock)


@pytest.fixture
def reader(warehouse: str) -> Iterator[str]:
    """A role that others would read with."""
    name = f"Reader {uuid.uuid4().hex[:8]}"
    execute(warehouse, f'CREATE ROLE "{name}"')
    yield name
    execute(warehouse, f'DROP OWNED BY "{name}"; DROP ROLE "{name}"')


BUILT = """
CREATE SCHEMA "their own";
CREATE VIEW "their own"."100%% of {{beds}}" WITH (security_barrier = true, check_option = local)
    AS SELECT org, beds FROM staging.tbl_beds WHERE org <> 'a;''%%s{{}}' || $$x$$;
CREATE VIEW "their own".above AS SELECT count(*) AS n FROM "their own"."100%% of {{beds}}";
CREATE VIEW "their own".loads AS SELECT unit FROM datawarp.tbl_load_history;
GRANT USAGE ON SCHEMA staging, "their own" TO "{0}";
GRANT SELECT ON staging.tbl_beds TO "{0}" WITH GRANT OPTION;
GRANT SELECT (source_code) ON datawarp.tbl_data_sources TO "{0}";
GRANT SELECT ON "their own".above TO "{0}";
ALTER DEFAULT PRIVILEGES IN SCHEMA staging GRANT SELECT ON TABLES TO "{0}", PUBLIC;
"""


def privileges(url: str) -> object:
    """Everything about views, grants and default privileges that a person could notice."""
    return scalar(
        url,
        """
        SELECT jsonb_agg(t ORDER BY t) FROM (
            SELECT n.nspname, c.relname, c.relkind::text, c.reloptions::text, c.relowner::regrole::text,
                (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(c.relacl) a)::text,
                CASE WHEN c.relkind = 'v' THEN pg_get_viewdef(c.oid) END,
                (SELECT array_agg(attname || attacl::text ORDER BY attname) FROM pg_attribute
                 WHERE attrelid = c.oid AND attacl IS NOT NULL)::text
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname IN ('datawarp', 'staging', 'their own') AND c.relkind IN ('r', 'v')
            UNION ALL SELECT nspname, NULL, NULL, NULL, NULL, nspacl::text, NULL, NULL FROM pg_namespace
            WHERE nspname IN ('datawarp', 'staging', 'their own')
            UNION ALL SELECT n.nspname, NULL, NULL, NULL, NULL, defaclacl::text, NULL, NULL
            FROM pg_default_acl d JOIN pg_namespace n ON n.oid = defaclnamespace
        ) t
        """,
    )


def test_views_and_grants_of_others_are_as_they_were(warehouse: str, reader: str, tmp_path: Path) -> None:
    paths, clock = Paths(tmp_path), Clock()
    execute(warehouse, BUILT.format(reader).replace("%%", "%"))
    backup(paths, warehouse, clock, KEEP)
    before, rows = privileges(warehouse), scalar(warehouse, 'SELECT n FROM "their own".above')
    execute(warehouse, "TRUNCATE staging.tbl_beds")

    report = restore_backup(paths, warehouse, clock)

    assert privileges(warehouse) == before
    assert scalar(warehouse, 'SELECT n FROM "their own".above') == rows != 0
    assert report.views == ("their own.100% of {beds}", "their own.loads")
    assert "their own.loads" in report.text() and "privileges of others given again" in report.text()
    assert scalar(warehouse, "SELECT count(*) FROM pg_namespace WHERE nspname LIKE '%before%'") == 0


def test_a_table_that_only_the_backup_has_may_be_read_as_a_new_one(warehouse: str, reader: str, tmp_path: Path) -> None:
    paths, clock = Paths(tmp_path), Clock()
    execute(warehouse, "CREATE TABLE staging.tbl_more (x int)")
    backup(paths, warehouse, clock, KEEP)
    execute(warehouse, f'ALTER DEFAULT PRIVILEGES IN SCHEMA staging GRANT SELECT ON TABLES TO "{reader}"')
    execute(warehouse, "DROP TABLE staging.tbl_more")
    restore_backup(paths, warehouse, clock)
    assert scalar(warehouse, f"SELECT has_table_privilege('{reader}', 'staging.tbl_more', 'SELECT')")
    assert not scalar(warehouse, f"SELECT has_table_privilege('{reader}', 'staging.tbl_beds', 'SELECT')")


@pytest.mark.parametrize(
    ("made", "told"),
    [
        ("CREATE MATERIALIZED VIEW public.m AS SELECT * FROM staging.tbl_beds", r"materialized view public\.m"),
        ("CREATE TABLE public.t (b text REFERENCES datawarp.tbl_data_sources)", r"on table public\.t"),
        ("CREATE TABLE public.t (b staging.tbl_beds)", r"table public\.t"),
        ("CREATE PUBLICATION p FOR TABLE staging.tbl_beds", "publication p"),
    ],
)
def test_what_cannot_be_carried_over_is_named_before_anything_is_changed(
    warehouse: str, tmp_path: Path, made: str, told: str
) -> None:
    paths, clock = Paths(tmp_path), Clock()
    backup(paths, warehouse, clock, KEEP)
    execute(warehouse, made)
    execute(warehouse, "TRUNCATE staging.tbl_beds")
    with pytest.raises(LifecycleError, match=told):
        restore_backup(paths, warehouse, clock)
    assert scalar(warehouse, "SELECT count(*) FROM staging.tbl_beds") == 0


def test_what_belongs_to_roles_that_the_user_may_not_act_for_is_named(warehouse: str, reader: str) -> None:
    execute(warehouse, BUILT.format(reader).replace("%%", "%"))
    with closing(open_connection(warehouse)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        [(owner,)] = cursor.fetchall()
        cursor.execute(f'SET ROLE "{reader}"')
        found = dependents(cursor, SCHEMAS)
    assert (found.views, found.defaults) == ((), ())
    assert found.lost == (
        'view "their own"."100% of {beds}"',
        'view "their own".loads',
        f"default privileges of role {owner} in schema staging",
    )
    with pytest.raises(LifecycleError, match="nothing was changed"):
        found.refuse_what_would_be_lost()


def test_a_view_that_does_not_fit_the_backup_keeps_the_warehouse_as_it_is(warehouse: str, tmp_path: Path) -> None:
    paths, clock = Paths(tmp_path), Clock()
    backup(paths, warehouse, clock, KEEP)
    execute(warehouse, "ALTER TABLE staging.tbl_beds ADD COLUMN later text")
    execute(warehouse, "CREATE VIEW public.v AS SELECT later FROM staging.tbl_beds")
    with pytest.raises(LifecycleError, match=r"the view public\.v does not fit the restored tables"):
        restore_backup(paths, warehouse, clock)
    assert scalar(warehouse, "SELECT count(*) FROM pg_namespace WHERE nspname LIKE '%before%'") == 0
    assert scalar(warehouse, "SELECT count(later) FROM public.v") == 0


def test_the_password_is_on_no_command_line(warehouse: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    import subprocess

    start = subprocess.Popen.__init__

    def spy(self: object, args: list[str], *rest: object, **options: object) -> None:
        seen.extend(map(str, args))
        start(self, args, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(subprocess.Popen, "__init__", spy)
    backup(Paths(tmp_path), warehouse, Clock(), KEEP)
    restore_backup(Paths(tmp_path), warehouse, Clock())
    password = re.search(r"//[^:]*:([^@]+)@", warehouse)
    assert password and seen
    assert not [argument for argument in seen if password[1] in argument]


def test_the_address_reaches_the_programs_through_the_environment() -> None:
    environment = connection_environment("postgresql://me:p%40ss@db.example:6543/w?sslmode=require", "other")
    assert {k: environment[k] for k in ("PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE", "PGSSLMODE")} == {
        "PGHOST": "db.example",
        "PGPORT": "6543",
        "PGUSER": "me",
        "PGPASSWORD": "p@ss",
        "PGDATABASE": "other",
        "PGSSLMODE": "require",
    }
    assert environment["PATH"] == os.environ["PATH"]


def test_programs_older_than_the_server_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LifecycleError, match="pg_dump of PostgreSQL 99 or newer is needed"):
        find_tools(990000, {"PATH": "/nonexistent"})


def at(day: datetime) -> Backup:
    return Backup(Path(), f"{day:%Y%m%d%H}.dump", day.isoformat(), "", 0, 0, "", None, {})


def test_seven_days_four_weeks_and_twelve_months_are_kept() -> None:
    last = datetime(2026, 6, 30, 3, tzinfo=UTC)
    nightly = [at(last - timedelta(days=n)) for n in range(600)]
    gone = {b.when for b in superseded(nightly, KEEP)}
    kept = [b for b in nightly if b.when not in gone]
    days = {b.when.date() for b in kept}
    assert {(last - timedelta(days=n)).date() for n in range(7)} <= days
    assert {datetime(2026, 6, d).date() for d in (14, 21, 28)} <= days, "Sundays: the newest of their weeks"
    assert len({(d.year, d.month) for d in days}) == 12
    assert len(kept) == 7 + 2 + 11


def test_a_pause_does_not_use_up_the_generations() -> None:
    """After a year without backups the old ones are still there, and one new one removes nothing."""
    old = [at(datetime(2025, 1, d, tzinfo=UTC)) for d in range(1, 7)]
    assert superseded([*old, at(datetime(2026, 6, 1, tzinfo=UTC))], KEEP) == []


def test_the_newest_backup_of_a_day_stands_for_it() -> None:
    day = [at(datetime(2026, 6, 1, hour, tzinfo=UTC)) for hour in range(5)]
    assert superseded(day, KEEP) == day[:4]


def test_retention_removes_old_backups_with_their_descriptions(warehouse: str, tmp_path: Path) -> None:
    paths, clock = Paths(tmp_path), Clock()
    keep = Generations(daily=2, weekly=0, monthly=0)
    for _ in range(3):
        clock.now += timedelta(days=1)
        report = backup(paths, warehouse, clock, keep)
    assert len(report.removed) == 1
    assert sorted(p.suffix for p in paths.backups.rglob("*") if p.is_file()) == [".dump", ".dump", ".json", ".json"]
