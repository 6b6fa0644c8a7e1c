"""Who may do what with the tables, tried role by role and table by table."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from cassandra import AuthenticationFailed, Unauthorized
from cassandra.cluster import Cluster, NoHostAvailable, Session

from events.topics import GROUPS
from infra import access, cassandra, migrations
from infra.settings import CassandraSettings, load
from infra.stack.stack import Stack
from infra.stack.vault import Vault
from replay.rebuild import RebuildSettings, rebuild

KEYS = {
    "timeline": "conversation_id = 'x' AND bucket = 0",
    "newest_buckets": "conversation_id = 'x'",
    "conversations_by_user": "user_id = 'x'",
    "marker_moves": "conversation_id = 'x' AND user_id = 'x' AND kind = 'read'",
    access.MIGRATIONS_TABLE: "projection = 'x'",
}
HISTORY_TABLES = {"timeline", "newest_buckets", "conversations_by_user"}
MODIFIES = {"history": HISTORY_TABLES, "receipts": {"marker_moves"}}
READERS = ("sessions", "queries")
ROLES = (*MODIFIES, *READERS)
SELECTS = {
    **{role: {access.MIGRATIONS_TABLE} for role in ROLES},
    "sessions": {access.MIGRATIONS_TABLE, *HISTORY_TABLES},
    "queries": set(KEYS),
}

Sessions = Callable[[str], Session]


@dataclass(frozen=True)
class Needs:
    cassandra: CassandraSettings


def settings(stack: Stack, name: str = access.OPERATOR) -> CassandraSettings:
    return load(Needs, stack.environment(name)).cassandra


@pytest.fixture(scope="module")
def sessions(stack: Stack) -> Iterator[Sessions]:
    known: dict[str, Session] = {}

    def session(name: str) -> Session:
        if name not in known:
            known[name] = cassandra.connect(settings(stack, name))
        return known[name]

    yield session
    for one in known.values():
        one.cluster.shutdown()


def is_allowed(session: Session, statement: str) -> bool:
    try:
        session.execute(statement)
    except Unauthorized:
        return False
    return True


@pytest.mark.parametrize("table", KEYS)
@pytest.mark.parametrize("role", ROLES)
def test_who_writes_rows(sessions: Sessions, role: str, table: str) -> None:
    allowed = is_allowed(sessions(role), f"DELETE FROM {table} WHERE {KEYS[table]}")
    assert allowed == (table in MODIFIES.get(role, ()))


@pytest.mark.parametrize("table", KEYS)
@pytest.mark.parametrize("role", ROLES)
def test_who_reads_rows(sessions: Sessions, role: str, table: str) -> None:
    allowed = is_allowed(sessions(role), f"SELECT * FROM {table} WHERE {KEYS[table]}")
    assert allowed == (table in SELECTS.get(role, ()))


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE more (id text PRIMARY KEY)",
        "ALTER TABLE timeline ADD more text",
        "DROP TABLE timeline",
        "DROP KEYSPACE chat",
        "CREATE ROLE more",
        "GRANT SELECT ON TABLE timeline TO history",
        "ALTER ROLE operator WITH PASSWORD = 'x'",
        "SELECT * FROM system_auth.roles",
    ],
)
@pytest.mark.parametrize("role", ROLES)
def test_no_role_changes_tables_roles_or_rights(
    sessions: Sessions, role: str, statement: str
) -> None:
    assert not is_allowed(sessions(role), statement)


@pytest.mark.parametrize("table", KEYS)
@pytest.mark.parametrize("role", READERS)
def test_who_only_reads_empties_no_table(sessions: Sessions, role: str, table: str) -> None:
    assert not is_allowed(sessions(role), f"TRUNCATE {table}")


def test_the_operator_may(sessions: Sessions) -> None:
    operator = sessions(access.OPERATOR)
    assert is_allowed(operator, "SELECT * FROM system_auth.roles")
    assert is_allowed(operator, "CREATE ROLE IF NOT EXISTS more")
    assert is_allowed(operator, "DROP ROLE more")


def test_rights_come_with_the_tables_again_and_repeating_gives_no_more(
    stack: Stack, sessions: Sessions
) -> None:
    cassandra.apply(settings(stack))
    cassandra.apply(settings(stack))
    rows = sessions(access.OPERATOR).execute("LIST ALL PERMISSIONS")
    found = {(row.role, row.resource, row.permission) for row in rows if row.role in ROLES}
    wanted = {
        (role, f"<table chat.{table}>", right)
        for right, by_role in (("MODIFY", MODIFIES), ("SELECT", SELECTS))
        for role, tables in by_role.items()
        for table in tables
    }
    assert found == wanted


def test_rights_are_there_after_everything_was_deleted(stack: Stack) -> None:
    rebuild(load(RebuildSettings, stack.environment()), sure=True)
    session = cassandra.connect(settings(stack, "history"))
    allowed = is_allowed(session, f"DELETE FROM timeline WHERE {KEYS['timeline']}")
    refused = not is_allowed(session, f"DELETE FROM marker_moves WHERE {KEYS['marker_moves']}")
    session.cluster.shutdown()
    assert (allowed, refused) == (True, True)


def refusal(given: CassandraSettings) -> type[BaseException]:
    cluster = cassandra.cluster_of(given)
    try:
        with pytest.raises(NoHostAvailable) as refused:
            cluster.connect()
    finally:
        cluster.shutdown()
    (error,) = refused.value.errors.values()
    return type(error)


@pytest.mark.parametrize("name", ["cassandra", *(set(GROUPS) - set(ROLES)), "edge-gateway-1"])
def test_who_has_no_role_is_not_let_in(stack: Stack, name: str) -> None:
    operator = settings(stack)
    password = Vault(stack.folder).passwords().get(name, name)  # the one it has elsewhere
    assert refusal(operator.model_copy(update={"username": name, "password": password})) is (
        AuthenticationFailed
    )


def test_who_has_no_name_or_another_password_is_not_let_in(stack: Stack) -> None:
    history = settings(stack, "history")
    assert refusal(history.model_copy(update={"password": "guessed"})) is AuthenticationFailed
    assert refusal(history.model_copy(update={"username": ""})) is AuthenticationFailed


def test_plain_text_is_not_taken(stack: Stack) -> None:
    cluster = Cluster(["127.0.0.1"], port=settings(stack).port, protocol_version=5)
    with pytest.raises(NoHostAvailable):
        cluster.connect()
    cluster.shutdown()


def test_every_table_has_its_rights() -> None:
    made = set(migrations.tables_of(migrations.statements_of(migrations.catalogue())))
    assert made == set(access.TABLES) == set(KEYS) - {access.MIGRATIONS_TABLE}
