"""What others have built on the warehouse: views of other schemas, and who may read what.

A restored backup brings new tables in the place of the old. Views that name the old ones are pointed to the new by
``CREATE OR REPLACE``, which leaves their owner, their grants and whatever is built on them alone; grants are given
again. What cannot be carried over this way is found before anything is changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from datawarp.errors import LifecycleError

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812 - psycopg2's own name
    from psycopg2.sql import Composable

# Everything outside the schemas that depends directly on something inside. Parts of an object inside are inside.
_OUTSIDE = """
WITH inside AS (
    SELECT oid AS namespace FROM pg_namespace WHERE nspname = ANY(%(schemas)s)
), objects AS (
    SELECT 'pg_namespace'::regclass AS classid, namespace AS objid FROM inside
    UNION ALL SELECT 'pg_class'::regclass, c.oid FROM pg_class c JOIN inside ON namespace = relnamespace
    UNION ALL SELECT 'pg_type'::regclass, t.oid FROM pg_type t JOIN inside ON namespace = typnamespace
    UNION ALL SELECT 'pg_proc'::regclass, p.oid FROM pg_proc p JOIN inside ON namespace = pronamespace
    UNION ALL SELECT 'pg_constraint'::regclass, k.oid FROM pg_constraint k JOIN inside ON namespace = connamespace
), dependents AS (
    SELECT DISTINCT d.classid, d.objid FROM pg_depend d JOIN objects o
    ON d.refclassid = o.classid AND d.refobjid = o.objid WHERE d.deptype <> 'i'
    AND d.classid <> 'pg_default_acl'::regclass
), owners AS (
    SELECT d.classid, d.objid, r.rulename, coalesce(r.ev_class, a.adrelid, t.tgrelid, p.polrelid) AS relation,
        coalesce(c.relnamespace, y.typnamespace, f.pronamespace, k.connamespace, s.stxnamespace) AS namespace
    FROM dependents d
    LEFT JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
    LEFT JOIN pg_attrdef a ON d.classid = 'pg_attrdef'::regclass AND a.oid = d.objid
    LEFT JOIN pg_trigger t ON d.classid = 'pg_trigger'::regclass AND t.oid = d.objid
    LEFT JOIN pg_policy p ON d.classid = 'pg_policy'::regclass AND p.oid = d.objid
    LEFT JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
    LEFT JOIN pg_type y ON d.classid = 'pg_type'::regclass AND y.oid = d.objid
    LEFT JOIN pg_proc f ON d.classid = 'pg_proc'::regclass AND f.oid = d.objid
    LEFT JOIN pg_constraint k ON d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
    LEFT JOIN pg_statistic_ext s ON d.classid = 'pg_statistic_ext'::regclass AND s.oid = d.objid
)
SELECT CASE o.rulename WHEN '_RETURN' THEN pg_describe_object('pg_class'::regclass, v.oid, 0)
    ELSE pg_describe_object(o.classid, o.objid, 0) END, n.nspname, v.relname, coalesce(v.relkind = 'v'
    AND v.relpersistence <> 't' AND o.rulename = '_RETURN' AND pg_has_role(v.relowner, 'USAGE'), false),
    CASE WHEN v.relkind = 'v' THEN pg_get_viewdef(v.oid) END, v.reloptions
FROM owners o LEFT JOIN pg_class v ON v.oid = o.relation LEFT JOIN pg_namespace n ON n.oid = v.relnamespace
WHERE NOT EXISTS (SELECT FROM inside WHERE inside.namespace = coalesce(v.relnamespace, o.namespace)) ORDER BY 1
"""
_GRANTS = """
SELECT 'SCHEMA', n.nspname, NULL, NULL, a.privilege_type, r.rolname, a.is_grantable
FROM pg_namespace n, aclexplode(n.nspacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
WHERE n.nspname = ANY(%(schemas)s) AND a.grantee <> n.nspowner
UNION ALL
SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, n.nspname, c.relname, NULL, a.privilege_type,
    r.rolname, a.is_grantable
FROM pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid, aclexplode(c.relacl) a
LEFT JOIN pg_roles r ON r.oid = a.grantee WHERE n.nspname = ANY(%(schemas)s) AND a.grantee <> c.relowner
UNION ALL
SELECT 'COLUMN', n.nspname, c.relname, t.attname, a.privilege_type, r.rolname, a.is_grantable
FROM pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid JOIN pg_attribute t ON t.attrelid = c.oid,
    aclexplode(t.attacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
WHERE n.nspname = ANY(%(schemas)s) AND NOT t.attisdropped
ORDER BY 1, 2, 3, 4, 5, 6
"""
_DEFAULTS = """
SELECT o.rolname, n.nspname, d.defaclobjtype::text, a.privilege_type, r.rolname, a.is_grantable,
    pg_has_role(d.defaclrole, 'USAGE')
FROM pg_default_acl d JOIN pg_namespace n ON n.oid = d.defaclnamespace JOIN pg_roles o ON o.oid = d.defaclrole,
    aclexplode(d.defaclacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
WHERE n.nspname = ANY(%(schemas)s) ORDER BY 1, 2, 3, 4, 5
"""
_KINDS = {"r": "TABLES", "S": "SEQUENCES", "f": "FUNCTIONS", "T": "TYPES"}


@dataclass(frozen=True)
class View:
    """A view outside the warehouse that names something inside: its query with every name qualified."""

    schema: str
    name: str
    query: str
    options: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """``schema.view``."""
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class Grant:
    """A privilege on a schema, a table, a sequence or a column; ``role`` is None for everybody."""

    kind: str
    schema: str
    relation: str | None
    column: str | None
    privilege: str
    role: str | None
    grantable: bool


@dataclass(frozen=True)
class DefaultGrant:
    """A privilege that what ``owner`` makes in a schema gets by itself; ``kind`` as ``pg_default_acl`` writes it."""

    owner: str
    schema: str
    kind: str
    privilege: str
    role: str | None
    grantable: bool


@dataclass(frozen=True)
class Dependents:
    """What is built on the schemas, and (``lost``) what of it could not be carried over to new ones, described."""

    views: tuple[View, ...]
    grants: tuple[Grant, ...]
    defaults: tuple[DefaultGrant, ...]
    lost: tuple[str, ...]

    def refuse_what_would_be_lost(self) -> None:
        """Raise :class:`LifecycleError` with the names of all that could not be carried over."""
        if self.lost:
            raise LifecycleError(
                "the restore would take away what others have built on the warehouse; nothing was changed:\n  "
                + "\n  ".join(self.lost),
                hint="drop these, run the command again, and make them anew",
            )


def dependents(cursor: Cursor, schemas: Sequence[str]) -> Dependents:
    """What stands outside of ``schemas`` and depends on what is inside, and the grants inside."""
    wanted = {"schemas": list(schemas)}
    # So that every name in a view's query is qualified.
    cursor.execute("SET LOCAL search_path = pg_catalog")
    cursor.execute(_OUTSIDE, wanted)
    views, lost = [], []
    for described, schema, name, can_be_replaced, query, options in cursor.fetchall():
        if can_be_replaced:
            views.append(View(schema, name, str(query).strip().rstrip(";"), tuple(options or ())))
        else:
            lost.append(str(described))
    cursor.execute(_GRANTS, wanted)
    grants = tuple(Grant(*row) for row in cursor.fetchall())
    cursor.execute(_DEFAULTS, wanted)
    defaults = []
    for *row, can_be_given in cursor.fetchall():
        default = DefaultGrant(*row)
        if can_be_given:
            defaults.append(default)
        else:
            lost.append(f"default privileges of role {default.owner} in schema {default.schema}")
    return Dependents(tuple(views), grants, tuple(defaults), tuple(dict.fromkeys(lost)))


def statements_for_views(cursor: Cursor, views: Iterable[View]) -> list[str]:
    """SQL that points ``views`` to the tables that have the old names now; an error names its view."""
    from psycopg2 import sql

    made = []
    for view in views:
        statement = sql.SQL("CREATE OR REPLACE VIEW {}{} AS {}").format(
            sql.Identifier(view.schema, view.name), _options(view.options), sql.SQL(view.query)
        )
        words = sql.Literal(f"the view {view.label} does not fit the restored tables: ")
        body = sql.SQL("BEGIN {}; EXCEPTION WHEN OTHERS THEN RAISE EXCEPTION USING MESSAGE = {} || SQLERRM; END")
        made.append(_block(cursor, body.format(statement, words)))
    return made


def statements_for_grants(cursor: Cursor, found: Dependents, new_tables: Iterable[str]) -> list[str]:
    """SQL that gives again what was granted, on what is there.

    ``new_tables`` (as ``schema.table``), which nobody could be granted anything on, get what new tables there get.
    """
    from psycopg2 import sql

    made = [_regranted(cursor, grant) for grant in found.grants]
    for default in (d for d in found.defaults if d.kind in _KINDS):
        statement = sql.SQL("ALTER DEFAULT PRIVILEGES FOR ROLE {} IN SCHEMA {} GRANT {} ON {} TO {}{};").format(
            sql.Identifier(default.owner),
            sql.Identifier(default.schema),
            sql.SQL(default.privilege),
            sql.SQL(_KINDS[default.kind]),
            _role(default.role),
            _grant_option(default.grantable),
        )
        made.append(statement.as_string(cursor))
    for label in new_tables:
        schema, _, table = label.partition(".")
        made += [
            _regranted(cursor, Grant("TABLE", schema, table, None, d.privilege, d.role, d.grantable))
            for d in found.defaults
            if d.kind == "r" and d.schema == schema
        ]
    return made


def _regranted(cursor: Cursor, grant: Grant) -> str:
    """The grant as a statement that does nothing where its object is not."""
    from psycopg2 import sql

    privilege: Composable = sql.SQL(grant.privilege)
    target = sql.Identifier(grant.schema)
    there: Composable = sql.SQL("to_regnamespace(quote_ident({})) IS NOT NULL").format(sql.Literal(grant.schema))
    relation = sql.SQL("to_regclass(format('%I.%I', {}, {}))").format(
        sql.Literal(grant.schema), sql.Literal(grant.relation)
    )
    if grant.relation is not None:
        target = sql.Identifier(grant.schema, grant.relation)
        there = sql.SQL("{} IS NOT NULL").format(relation)
    if grant.column is not None:
        privilege = sql.SQL("{} ({})").format(privilege, sql.Identifier(grant.column))
        there = sql.SQL(
            "EXISTS (SELECT FROM pg_attribute WHERE attrelid = {} AND attname = {} AND NOT attisdropped)"
        ).format(relation, sql.Literal(grant.column))
    body = sql.SQL("BEGIN IF {} THEN GRANT {} ON {} {} TO {}{}; END IF; END").format(
        there,
        privilege,
        sql.SQL("TABLE" if grant.kind == "COLUMN" else grant.kind),
        target,
        _role(grant.role),
        _grant_option(grant.grantable),
    )
    return _block(cursor, body)


def _block(cursor: Cursor, body: Composable) -> str:
    from psycopg2 import sql

    return sql.SQL("DO {};").format(sql.Literal(body.as_string(cursor))).as_string(cursor)


def _options(options: Sequence[str]) -> Composable:
    """A view's options, each as ``key=value``, the way a statement has them."""
    from psycopg2 import sql

    if not options:
        return sql.SQL("")
    pairs = [option.partition("=") for option in options]
    named = [sql.SQL("{} = {}").format(sql.Identifier(key), sql.Literal(value)) for key, _, value in pairs]
    return sql.SQL(" WITH ({})").format(sql.SQL(", ").join(named))


def _role(name: str | None) -> Composable:
    from psycopg2 import sql

    return sql.SQL("PUBLIC") if name is None else sql.Identifier(name)


def _grant_option(grantable: bool) -> Composable:
    from psycopg2 import sql

    return sql.SQL(" WITH GRANT OPTION" if grantable else "")
