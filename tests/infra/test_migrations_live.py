"""Migrations on a real node: adopted, applied once, continued, refused; and workers beside them."""

import asyncio
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import make_dataclass, replace
from pathlib import Path

import pytest
from cassandra.cluster import Session

from infra import cassandra, migrating
from infra.access import MIGRATIONS_TABLE
from infra.demands.catalogue import MIGRATIONS
from infra.errors import UserError
from infra.exits import Exit
from infra.migrations import Migration, catalogue, statements_of
from infra.settings import CassandraSettings, load
from infra.stack import services
from infra.stack.stack import Stack

KNOWN = catalogue()
_ADD = "ALTER TABLE timeline ADD IF NOT EXISTS edited_at bigint;"
ADDED = Migration("history", 2, f"-- Compatible with releases that know 0001.\n{_ADD}")
NEWER = [*KNOWN, ADDED]
STOPPING = Migration("history", 2, f"-- Compatible with releases that know 0002.\n{_ADD}")


@pytest.fixture
def settings(stack: Stack) -> Iterator[CassandraSettings]:
    """A keyspace of its own that is not there yet."""
    program = make_dataclass("Program", [("cassandra", CassandraSettings)])
    given = load(program, stack.environment()).cassandra
    own = given.model_copy(update={"keyspace": "migrated"})
    cassandra.drop(own)
    yield own
    cassandra.drop(own)


@contextmanager
def session_of(settings: CassandraSettings) -> Iterator[Session]:
    session = cassandra.connect(settings)
    try:
        yield session
    finally:
        session.cluster.shutdown()


def had(settings: CassandraSettings) -> list[Migration]:
    """Of those that are known here, what was applied, as it was applied."""
    with session_of(settings) as session:
        rows = migrating.applied(session, settings.keyspace)
    texts = {(one.projection, one.number, one.digest): one for one in (*NEWER, STOPPING)}
    found = [texts[row.projection, row.number, row.digest] for row in rows]
    return sorted(found, key=lambda one: (one.projection, one.number))


def columns(settings: CassandraSettings) -> set[str]:
    with session_of(settings) as session:
        tables = session.cluster.metadata.keyspaces[settings.keyspace].tables
        return set(tables["timeline"].columns)


def previous_release(settings: CassandraSettings) -> None:
    """A keyspace with tables and rows, and nothing that says what was applied."""
    cassandra.apply(settings, [])
    with session_of(settings) as session:
        session.execute(f"DROP TABLE {MIGRATIONS_TABLE}")
        for statement in statements_of(KNOWN):
            session.execute(statement)
        session.execute("INSERT INTO newest_buckets (conversation_id, bucket) VALUES ('c', 7)")


def test_applying_again_does_nothing(settings: CassandraSettings) -> None:
    assert cassandra.apply(settings) == KNOWN
    assert cassandra.apply(settings) == []
    assert had(settings) == KNOWN
    assert cassandra.breaches(settings) == []


def test_a_keyspace_of_the_previous_release_is_adopted_with_its_rows(
    settings: CassandraSettings,
) -> None:
    previous_release(settings)
    assert MIGRATIONS in [one.demand for one in cassandra.breaches(settings)]
    assert cassandra.apply(settings) == KNOWN
    assert cassandra.breaches(settings) == []
    with session_of(settings) as session:
        (row,) = session.execute("SELECT bucket FROM newest_buckets WHERE conversation_id = 'c'")
    assert row.bucket == 7


def test_a_table_that_was_dropped_is_told_and_made_again(settings: CassandraSettings) -> None:
    cassandra.apply(settings)
    with session_of(settings) as session:
        session.execute("DROP TABLE marker_moves")
    assert MIGRATIONS in [one.demand for one in cassandra.breaches(settings)]
    assert [one.projection for one in cassandra.apply(settings)] == ["receipts"]
    assert cassandra.breaches(settings) == []


def test_a_step_that_failed_keeps_its_claim_until_it_ends_by_itself(
    settings: CassandraSettings,
) -> None:
    """Its statement may still run on a node; another one beside it would give a table two ids."""
    cassandra.apply(settings)
    with session_of(settings) as session:
        with suppress(RuntimeError), migrating._held(session, "history"):
            raise RuntimeError("the statement was not answered")
        assert not migrating.hold(session, "history", "the next", None)


def test_only_what_is_missing_is_applied(settings: CassandraSettings) -> None:
    cassandra.apply(settings)
    assert cassandra.apply(settings, NEWER) == [ADDED]
    assert had(settings) == sorted(NEWER, key=lambda one: (one.projection, one.number))
    assert "edited_at" in columns(settings)


def test_what_ended_between_a_statement_and_its_note_is_continued(
    settings: CassandraSettings,
) -> None:
    cassandra.apply(settings)
    with session_of(settings) as session:
        for statement in ADDED.statements:
            session.execute(statement)
        assert migrating.hold(session, "history", "the one that died", None, seconds=1)
    assert cassandra.apply(settings, NEWER) == [ADDED]


def test_steps_at_the_same_time_apply_each_migration_once(settings: CassandraSettings) -> None:
    cassandra.apply(settings, [])
    with ThreadPoolExecutor(max_workers=4) as pool:
        done = list(pool.map(lambda _: cassandra.apply(settings, NEWER), range(4)))
    assert sorted(str(one) for step in done for one in step) == sorted(map(str, NEWER))
    assert cassandra.apply(settings, NEWER) == []


def test_a_step_waits_for_the_one_that_is_at_work(settings: CassandraSettings) -> None:
    cassandra.apply(settings)
    with session_of(settings) as session, ThreadPoolExecutor(max_workers=1) as pool:
        assert migrating.hold(session, "history", "another", None)
        assert not migrating.hold(session, "history", "a third", None)
        step = pool.submit(cassandra.apply, settings, NEWER)
        time.sleep(2)  # it must not happen meanwhile
        assert not step.done()
        assert "edited_at" not in columns(settings)
        migrating.release(session, "history", "another")
        assert step.result(60) == [ADDED]


def test_a_step_that_has_lost_its_turn_notes_nothing(settings: CassandraSettings) -> None:
    cassandra.apply(settings)
    with session_of(settings) as session:
        assert migrating.hold(session, "history", "another", None)
        with pytest.raises(UserError) as refused:
            migrating._carry_out(session, ADDED, "me")
    assert refused.value.code == "apply_busy"
    assert had(settings) == KNOWN


def test_a_changed_text_is_refused_and_nothing_is_applied(settings: CassandraSettings) -> None:
    cassandra.apply(settings)
    changed = [replace(KNOWN[0], text=KNOWN[0].text + "-- more\n"), *KNOWN[1:], ADDED]
    with pytest.raises(UserError) as refused:
        cassandra.apply(settings, changed)
    assert refused.value.exit_status == Exit.SETTINGS
    assert "not the one that was applied" in refused.value.sentence
    assert had(settings) == KNOWN


def test_a_column_is_dropped_beside_the_release_that_does_not_use_it_any_more(
    settings: CassandraSettings,
) -> None:
    said = "ALTER TABLE timeline WITH comment = 'device_id is not used any more'"
    unused = [
        *KNOWN,
        Migration("history", 2, f"-- Compatible with releases that know 0001.\n{said}"),
    ]
    drop = "ALTER TABLE timeline DROP IF EXISTS device_id"
    dropped = [
        *unused,
        Migration("history", 3, f"-- Compatible with releases that know 0002.\n{drop}"),
    ]
    cassandra.apply(settings, unused)
    assert cassandra.apply(settings) == []
    cassandra.apply(settings, dropped)
    assert "device_id" not in columns(settings)
    assert cassandra.apply(settings, unused) == []
    with pytest.raises(UserError) as refused:
        cassandra.apply(settings)
    assert refused.value.exit_status == Exit.SETTINGS
    assert "Migration 0003 of projection history was applied by a newer" in refused.value.sentence


def test_a_role_opens_a_session_only_on_tables_that_it_works_with(
    settings: CassandraSettings,
) -> None:
    previous_release(settings)
    with pytest.raises(UserError, match="lack migration 0001") as refused:
        cassandra.connect_to_known(settings)
    assert refused.value.exit_status == Exit.SETTINGS
    cassandra.apply(settings, NEWER)
    cassandra.connect_to_known(settings).cluster.shutdown()


STANDINGS = {
    "newer": ([*KNOWN, STOPPING], "was applied by a newer release"),
    "older": ([one for one in KNOWN if one.projection != "receipts"], "Run `chatlog apply`"),
}


@pytest.mark.parametrize("standing", STANDINGS)
async def test_a_worker_ends_with_the_status_of_settings_beside_tables_of_another_release(
    stack: Stack, settings: CassandraSettings, tmp_path: Path, standing: str
) -> None:
    applied, said = STANDINGS[standing]
    cassandra.apply(settings, applied)
    worker = services.worker(stack.ports, "migrating", ("receipts",))
    stack.admit("receipts")
    environment = {
        **stack.environment("receipts"),
        **worker.environment,
        "CHAT_CASSANDRA_KEYSPACE": settings.keyspace,
    }
    if settings.username:
        with session_of(settings) as session:
            session.execute("GRANT SELECT ON TABLE migrations TO receipts")
    with (tmp_path / "log").open("w") as log:
        process = await asyncio.create_subprocess_exec(
            *worker.argv, env={**os.environ, **environment}, stdout=log, stderr=log
        )
        try:
            assert await asyncio.wait_for(process.wait(), 120) == Exit.SETTINGS
        finally:
            with suppress(ProcessLookupError):
                process.kill()
    assert said in (tmp_path / "log").read_text()
