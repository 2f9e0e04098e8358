"""Let the roles of `grant_select_to` read what the target makes; a role that may read already costs one query."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from target_sfwarehouse.errors import SettingsError
from target_sfwarehouse.postgres.schema import quoted
from target_sfwarehouse.postgres.waiting import run

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

    from target_sfwarehouse.config import Settings

EVERYBODY = "public"
"""GRANT takes this name, also in quotes, for all roles."""

WITHOUT_USAGE = """
SELECT array_agg(r.name), has_schema_privilege(n.oid, 'USAGE WITH GRANT OPTION')
FROM pg_catalog.pg_namespace n CROSS JOIN unnest(%s::text[]) AS r (name)
WHERE n.oid = to_regnamespace(%s) AND NOT has_schema_privilege(r.name, n.oid, 'USAGE')
GROUP BY n.oid
"""

WITHOUT_SELECT = """
SELECT array_agg(r.name), has_table_privilege(c.oid, 'SELECT WITH GRANT OPTION')
FROM pg_catalog.pg_class c CROSS JOIN unnest(%s::text[]) AS r (name)
WHERE c.oid = to_regclass(%s) AND NOT has_table_privilege(r.name, c.oid, 'SELECT')
GROUP BY c.oid
"""

logger = logging.getLogger("target-sfwarehouse")


def check_roles(connection: psycopg.Connection[Any], settings: Settings) -> None:
    """Raise SettingsError where a role does not exist."""
    if not settings.grant_select_to:
        return
    known = {role for (role,) in connection.execute("SELECT rolname FROM pg_catalog.pg_roles")} | {EVERYBODY}
    if lacking := [role for role in settings.grant_select_to if role not in known]:
        raise SettingsError(
            f"`grant_select_to` names a role that does not exist: {', '.join(map(repr, lacking))}. Correct the name, or "
            f"let an owner run: CREATE ROLE {quoted(lacking[0])};"
        )


def let_use(
    connection: psycopg.Connection[Any], settings: Settings, schema: str, lock: Callable[[], None]
) -> None:
    """Grant usage of a schema to the roles that lack it, under a lock that other runs take for it."""
    _grant(connection, settings, (WITHOUT_USAGE, "USAGE ON SCHEMA", quoted(schema)), lock)


def let_read(
    connection: psycopg.Connection[Any], settings: Settings, table: str, lock: Callable[[], None]
) -> None:
    """Grant select on a table or view, whose name is quoted, likewise."""
    _grant(connection, settings, (WITHOUT_SELECT, "SELECT ON", table), lock)


def _grant(
    connection: psycopg.Connection[Any],
    settings: Settings,
    what: tuple[str, str, str],
    lock: Callable[[], None],
) -> None:
    if not settings.grant_select_to:
        return
    question, privilege, name = what
    row = connection.execute(question.encode(), (list(settings.grant_select_to), name)).fetchone()
    if row is None:
        return
    roles, may_grant = row
    statement = f"GRANT {privilege} {name} TO {', '.join(map(quoted, roles))}"
    if not may_grant:
        logger.warning(
            "%s belongs to another role, so others may not read it. Let its owner run: %s;", name, statement
        )
        return
    with connection.transaction():
        lock()  # two grants at once fail
        run(connection, statement)
