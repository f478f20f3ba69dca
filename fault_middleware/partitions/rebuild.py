# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL cannot divide a table that is there; so another one is made beside it, and swapped.

A trigger writes into both what changes meanwhile, and rows are copied a few thousand at a time. So
whoever reads or stores waits for the swap alone, which changes names. The table beside is made
together with its trigger, and says in its comment up to which row it was copied; so this goes on
wherever it was interrupted.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from fault_middleware.partitions import postgresql
from fault_middleware.partitions.layout import TABLE
from fault_middleware.partitions.step import Step

_NEW = f"{TABLE}_beside"
_OLD = f"{TABLE}_before"
# The comment of the former table, which nobody else's has.
_IS_OURS = "fault_middleware: may be dropped"
_MIRROR = f"{TABLE}_mirror"
_MIRROR_ALL = f"{TABLE}_mirror_all"
_COPY = f"{TABLE}_copy"
_KINDS = """
    SELECT relname AS name, CAST(relkind AS text) AS kind FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
        AND (relname = :new
            AND EXISTS (SELECT 1 FROM pg_trigger
                WHERE tgrelid = to_regclass(:table) AND tgname = :mirror)
            OR relname = :old AND obj_description(oid, 'pg_class') = :is_ours)
"""
_INDEXES = """
    SELECT c.relname AS name, i.indisprimary AS is_primary, i.indisunique AS is_unique,
        pg_get_indexdef(c.oid) AS definition
    FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
    WHERE i.indrelid = CAST(:table AS regclass) ORDER BY c.relname
"""
_GRANTS = """
    SELECT privilege_type AS privilege, is_grantable,
        CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END AS role
    FROM pg_class, aclexplode(relacl)
    WHERE oid = CAST(:table AS regclass) AND grantee <> relowner
"""
_OWNER = """
    SELECT quote_ident(pg_get_userbyid(relowner)) FROM pg_class
    WHERE oid = CAST(:table AS regclass) AND pg_get_userbyid(relowner) <> current_user
"""
# What somebody else gave the table, and a new one would lack. (_mirror is ours.)
_OTHERS = """
    SELECT 'trigger ' || tgname FROM pg_trigger
    WHERE tgrelid = CAST(:table AS regclass) AND NOT tgisinternal
        AND tgname NOT IN (:mirror, :mirror_all)
    UNION ALL SELECT 'policy ' || polname FROM pg_policy
    WHERE polrelid = CAST(:table AS regclass)
    UNION ALL SELECT 'publication ' || pubname FROM pg_publication
    JOIN pg_publication_rel ON prpubid = pg_publication.oid
    WHERE prrelid = CAST(:table AS regclass)
    UNION ALL SELECT 'foreign key ' || conname FROM pg_constraint
    WHERE contype = 'f' AND CAST(:table AS regclass) IN (conrelid, confrelid)
    UNION ALL SELECT 'grant on the column ' || attname FROM pg_attribute
    WHERE attrelid = CAST(:table AS regclass) AND attacl IS NOT NULL
"""
_MIRROR_BODY = f"""
CREATE FUNCTION {_MIRROR}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        TRUNCATE {_NEW};
        RETURN NULL;
    END IF;
    IF TG_OP IN ('DELETE', 'UPDATE') THEN
        DELETE FROM {_NEW} WHERE id = OLD.id;
    END IF;
    IF TG_OP IN ('INSERT', 'UPDATE') THEN
        INSERT INTO {_NEW} VALUES (NEW.*) ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END $$"""  # noqa: S608 no values in it
# Rows that somebody is removing are not waited for, as the one of us would wait for the other.
_COPY_BODY = f"""
CREATE FUNCTION {_COPY}() RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    v_place text := coalesce(obj_description('{_NEW}'::regclass, 'pg_class'), '');
    v_last text;
    v_number integer;
BEGIN
    WITH taken AS MATERIALIZED (
        SELECT * FROM {TABLE} WHERE id > v_place ORDER BY id LIMIT 5000 FOR SHARE NOWAIT
    ), copied AS (
        INSERT INTO {_NEW} SELECT * FROM taken ON CONFLICT DO NOTHING
    )
    SELECT max(id), count(*) INTO v_last, v_number FROM taken;
    IF v_number > 0 THEN
        EXECUTE 'COMMENT ON TABLE {_NEW} IS ' || quote_literal(v_last);
    END IF;
    RETURN v_number;
END $$"""  # noqa: S608 no values in it


class OthersError(Exception):
    """The table has something that a copy of it would lack."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Table:
    """What the new table gets from the one that is there."""

    owner: str | None
    indexes: Sequence[sa.Row[Any]]
    grants: Sequence[sa.Row[Any]]


def leftovers(connection: sa.Connection) -> list[Step]:
    """What is left to be done where the swap was the last that was done."""
    if _OLD in _kinds(connection):
        return [_drop()]
    return []


def under_way(connection: sa.Connection) -> str | None:
    """What the table beside is to become: ``p`` for partitions, ``r`` for one table."""
    return _kinds(connection).get(_NEW)


def give_up() -> Step:
    """Throw away the table beside, and what writes into it."""
    statements = [
        postgresql.PATIENCE,
        f"LOCK TABLE {TABLE} IN ACCESS EXCLUSIVE MODE",
    ]
    statements += _without_mirror()
    statements.append(f"DROP TABLE {_NEW}")
    return Step(
        "What was begun for another purpose is dropped", tuple(statements)
    )


def plan(
    connection: sa.Connection, bounds: Sequence[datetime] | None
) -> list[Step]:
    """What is to be done.

    :param bounds: where to divide the table; None to make it one
    :raises OthersError: when something would be lost
    """
    _refuse_others(connection)
    table = _read(connection)
    wanted = "r" if bounds is None else "p"
    begun = under_way(connection)
    steps = []
    if begun not in (None, wanted):
        steps.append(give_up())
        begun = None
    if begun is None:
        steps.append(_make(table, bounds))
    steps += [
        Step("Rows are copied", (f"SELECT {_COPY}()",), is_repeated=True),
        Step("PostgreSQL looks at its statistics", (f"ANALYZE {_NEW}",)),
        _swap(table),
        _drop(),
    ]
    return steps


def _kinds(connection: sa.Connection) -> dict[str, str]:
    names = {
        "table": TABLE,
        "new": _NEW,
        "old": _OLD,
        "mirror": _MIRROR,
        "is_ours": _IS_OURS,
    }
    found = connection.execute(sa.text(_KINDS), names)
    return {row.name: row.kind for row in found}


def _refuse_others(connection: sa.Connection) -> None:
    names = {"table": TABLE, "mirror": _MIRROR, "mirror_all": _MIRROR_ALL}
    others = connection.scalars(sa.text(_OTHERS), names).all()
    if others:
        raise OthersError(
            f"{TABLE} has what its copy would lack: {', '.join(others)}; nothing was changed. "
            "Remove it, and make it anew afterwards"
        )


def _read(connection: sa.Connection) -> _Table:
    names = {"table": TABLE}
    return _Table(
        connection.scalar(sa.text(_OWNER), names),
        connection.execute(sa.text(_INDEXES), names).all(),
        connection.execute(sa.text(_GRANTS), names).all(),
    )


def _make(table: _Table, bounds: Sequence[datetime] | None) -> Step:
    statements = [postgresql.PATIENCE]
    if table.owner is not None:
        statements.append(f"SET LOCAL ROLE {table.owner}")
    divided = "" if bounds is None else " PARTITION BY RANGE (id)"
    statements.append(
        f"CREATE TABLE {_NEW} (LIKE {TABLE} INCLUDING ALL EXCLUDING INDEXES){divided}"
    )
    if bounds is not None:
        statements += postgresql.children_of(_NEW, bounds)
    statements += map(_index, table.indexes)
    statements += map(_grant, table.grants)
    statements += [
        _MIRROR_BODY,
        (
            f"CREATE TRIGGER {_MIRROR} AFTER INSERT OR UPDATE OR DELETE ON {TABLE}"
            f" FOR EACH ROW EXECUTE FUNCTION {_MIRROR}()"
        ),
        (
            f"CREATE TRIGGER {_MIRROR_ALL} AFTER TRUNCATE ON {TABLE}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION {_MIRROR}()"
        ),
        _COPY_BODY,
    ]
    return Step(
        "A table is made beside, which gets from now on what is stored",
        tuple(statements),
    )


def _index(index: sa.Row[Any]) -> str:
    if index.is_primary:
        return (
            f"ALTER TABLE {_NEW}"
            f' ADD CONSTRAINT "{index.name}_beside" PRIMARY KEY (id)'
        )
    unique = "UNIQUE " if index.is_unique else ""
    _, _, how = index.definition.partition(" USING ")
    return f'CREATE {unique}INDEX "{index.name}_beside" ON {_NEW} USING {how}'


def _grant(grant: sa.Row[Any]) -> str:
    option = " WITH GRANT OPTION" if grant.is_grantable else ""
    return f"GRANT {grant.privilege} ON {_NEW} TO {grant.role}{option}"


def _swap(table: _Table) -> Step:
    statements = [
        postgresql.PATIENCE,
        f"LOCK TABLE {TABLE} IN ACCESS EXCLUSIVE MODE",
        *_without_mirror(),
        f"ALTER TABLE {TABLE} RENAME TO {_OLD}",
        f"COMMENT ON TABLE {_OLD} IS '{_IS_OURS}'",
        f"ALTER TABLE {_NEW} RENAME TO {TABLE}",
        f"COMMENT ON TABLE {TABLE} IS NULL",
    ]
    for index in table.indexes:
        statements += [
            f'ALTER INDEX "{index.name}" RENAME TO "{index.name}_before"',
            f'ALTER INDEX "{index.name}_beside" RENAME TO "{index.name}"',
        ]
    return Step("The tables change places", tuple(statements))


def _without_mirror() -> Iterator[str]:
    yield f"DROP TRIGGER {_MIRROR} ON {TABLE}"
    yield f"DROP TRIGGER {_MIRROR_ALL} ON {TABLE}"
    yield f"DROP FUNCTION {_MIRROR}()"
    yield f"DROP FUNCTION {_COPY}()"


def _drop() -> Step:
    return Step(
        "The former table is dropped",
        (postgresql.PATIENCE, f"DROP TABLE {_OLD}"),
    )
