"""Carries out migrations of Cassandra's tables, and reads which a keyspace has had.

The table `migrations` has a row for each that was applied, written after its statements. Steps that
run at the same time take turns: each takes a projection by a lightweight transaction. That the
statements may be repeated would not be enough, since two nodes that create one table at the same
time give it two ids. Who dies while it holds a projection loses it after some time; the next
carries out again what was begun. Blocks: for a thread.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import groupby
from typing import Any

import structlog
from cassandra import ConsistencyLevel, DriverException, OperationTimedOut, Timeout
from cassandra.cluster import Session
from cassandra.protocol import ErrorMessage
from cassandra.query import SimpleStatement

from infra.access import MIGRATIONS_TABLE
from infra.demands.catalogue import refuse
from infra.errors import UserError
from infra.migrations import Applied, Migration, missing, refusals, standing

HELD_SECONDS = 150
"""Longer than one statement may take (`infra.cassandra.APPLY_SECONDS`)."""
_PATIENCE_SECONDS = 600.0
_PAUSE_SECONDS = 0.5
_REPEATS_MAX = 10

_CREATE = f"""CREATE TABLE IF NOT EXISTS {MIGRATIONS_TABLE} (
    projection text,
    number int,
    digest text,
    needs int,
    applied_at timestamp,
    held_by text static,
    PRIMARY KEY ((projection), number)
) WITH comment = 'Which migrations of each projection were applied'"""
_READ = f"SELECT projection, number, digest, needs FROM %s.{MIGRATIONS_TABLE}"
_HOLD = (
    f"UPDATE {MIGRATIONS_TABLE} USING TTL %s SET held_by = %s WHERE projection = %s IF held_by = %s"
)
_RELEASE = f"UPDATE {MIGRATIONS_TABLE} SET held_by = null WHERE projection = %s IF held_by = %s"
_NOTE = (
    f"UPDATE {MIGRATIONS_TABLE} SET digest = %s, needs = %s,"
    " applied_at = toTimestamp(now()) WHERE projection = %s AND number = %s IF held_by = %s"
)

log = structlog.get_logger()


def apply(session: Session, known: Sequence[Migration]) -> list[Migration]:
    """Apply to the session's keyspace what it has not had; says what that was. Raises UserError."""
    session.execute(_CREATE)
    refuse(refusals(known, applied(session, session.keyspace)))
    done: list[Migration] = []
    lacking = missing(known, _standing(session, known))
    for projection, migrations in groupby(lacking, key=lambda one: one.projection):
        with _held(session, projection) as me:
            for migration in missing(migrations, _standing(session, known)):
                _carry_out(session, migration, me)
                done.append(migration)
    return done


def applied(session: Session, keyspace: str) -> list[Applied]:
    """What a keyspace has had; nothing when it is of a release that did not note it."""
    there = session.execute(
        "SELECT table_name FROM system_schema.tables WHERE keyspace_name = %s AND table_name = %s",
        (keyspace, MIGRATIONS_TABLE),
    )
    if there.one() is None:
        return []
    rows = _run(session, _READ % keyspace)
    return [Applied(*row) for row in rows if row.number is not None]


def _standing(session: Session, known: Sequence[Migration]) -> list[Applied]:
    """What a keyspace has had and still has: a table that was dropped is made again."""
    rows = session.execute(
        "SELECT table_name FROM system_schema.tables WHERE keyspace_name = %s", (session.keyspace,)
    )
    tables = {row.table_name for row in rows}
    return standing(known, applied(session, session.keyspace), tables)


def hold(
    session: Session, projection: str, me: str, instead_of: str | None, seconds: int = HELD_SECONDS
) -> bool:
    """Hold a projection for some time, if nobody else does; whether that succeeded."""
    answer = _run(session, _HOLD, (seconds, me, projection, instead_of)).one()
    # Without any row of the projection the answer says no more than that it was not applied.
    return bool(answer[0]) or getattr(answer, "held_by", None) == me


def release(session: Session, projection: str, me: str) -> None:
    """Let the next have a projection."""
    _run(session, _RELEASE, (projection, me))


@contextmanager
def _held(session: Session, projection: str) -> Iterator[str]:
    me = uuid.uuid4().hex
    give_up_at = time.monotonic() + _PATIENCE_SECONDS
    waiting = False
    while not hold(session, projection, me, None):
        if not waiting:
            log.info("another apply step is at work", projection=projection)
        waiting = True
        if time.monotonic() > give_up_at:
            raise _not_held(projection)
        time.sleep(_PAUSE_SECONDS)
    yield me
    # Not after a failure: a statement that was not answered may still run, and must not meet
    # another one. The claim then ends by itself.
    with suppress(DriverException, ErrorMessage):
        release(session, projection, me)


def _carry_out(session: Session, migration: Migration, me: str) -> None:
    for statement in migration.statements:
        if not hold(session, migration.projection, me, me):
            raise _not_held(migration.projection)
        result = session.execute(statement)
        if not result.response_future.is_schema_agreed:
            raise UserError(
                "schema_not_agreed",
                "The nodes of Cassandra have not agreed on a changed table in time.",
                "Wait until `nodetool describecluster` shows one schema version; apply again.",
            )
    values = (migration.digest, migration.needs, migration.projection, migration.number, me)
    if not _run(session, _NOTE, values).was_applied:
        raise _not_held(migration.projection)


def _not_held(projection: str) -> UserError:
    return UserError(
        "apply_busy",
        f"Another apply step is at work on the tables of projection {projection}.",
        "Wait until it has ended, and apply again: what was done is left as it is.",
    )


def _run(session: Session, cql: str, values: Iterable[Any] = ()) -> Any:
    statement = SimpleStatement(
        cql,
        consistency_level=ConsistencyLevel.LOCAL_QUORUM,
        serial_consistency_level=ConsistencyLevel.SERIAL,
    )
    # A conditional update that timed out may have been made. To repeat it is safe, since each says
    # the same once more for whoever holds the projection.
    for _ in range(_REPEATS_MAX):
        with suppress(Timeout, OperationTimedOut):
            return session.execute(statement, tuple(values) or None)
        time.sleep(_PAUSE_SECONDS)
    return session.execute(statement, tuple(values) or None)
