"""Cassandra: the keyspace, its tables, and the driver's session.

`apply` carries out every `projections/*/migrations/*.cql` that the keyspace has not had, and where
it comes with a name, gives the roles their rights on the tables. `connect` opens a session, and
`connect_to_known` one on tables that this release works with; `infra.database` puts prepared
statements on it.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import structlog
from cassandra import DriverException
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import (
    EXEC_PROFILE_DEFAULT,
    Cluster,
    ExecutionProfile,
    NoHostAvailable,
    Session,
)
from cassandra.policies import (
    ConstantReconnectionPolicy,
    DCAwareRoundRobinPolicy,
    TokenAwarePolicy,
)
from cassandra.protocol import ErrorMessage

from infra import migrating
from infra.access import cassandra_grants
from infra.demands import cassandra as demanded
from infra.demands.catalogue import Breach, refuse
from infra.errors import UserError
from infra.migrations import Migration, catalogue
from infra.migrations import breaches as migration_breaches
from infra.settings import CassandraSettings
from infra.tls import client_context

log = structlog.get_logger()

CONNECT_TIMEOUT_SECONDS = 10.0
REQUEST_TIMEOUT_SECONDS = 10.0
RECONNECT_SECONDS = 1.0
DROP_SECONDS = 60.0
APPLY_SECONDS = 120.0
"""For a statement that changes the schema, on a machine that has much to do."""
_PROTOCOL = 5
_HEARTBEAT_SECONDS = 30.0
_PATIENCE_SECONDS = 60.0


def apply(settings: CassandraSettings, known: Sequence[Migration] | None = None) -> list[Migration]:
    """Create the keyspace and migrate its tables; says what was applied."""
    migrations = catalogue() if known is None else known
    with _without_keyspace(settings) as session:
        _apply_keyspace(session, settings)
        session.set_keyspace(settings.keyspace)
        done = migrating.apply(session, migrations)
        if settings.username and known is None:
            for statement in rights():
                session.execute(statement)
        refuse(demanded.breaches(session, settings, migrations))
        return done


def breaches(settings: CassandraSettings) -> list[Breach]:
    """What is not as demanded (`infra.demands`). Raises UserError when no node answers."""
    with _without_keyspace(settings) as session:
        return demanded.breaches(session, settings, catalogue())


def _apply_keyspace(session: Session, settings: CassandraSettings) -> None:
    """Make the keyspace, or make it as demanded. Raises UserError."""
    nodes = demanded.nodes_of(session, settings.datacenter)
    known = demanded.keyspace_of(session, settings.keyspace)
    if known is None:
        demanded.require_nodes(settings, nodes)
        # Neither a name nor a number can be bound here; both are checked by the settings.
        session.execute(
            f"CREATE KEYSPACE IF NOT EXISTS {settings.keyspace} WITH replication = "
            f"{demanded.replication_of(settings)} AND durable_writes = true"
        )
    elif change := demanded.keyspace_change(*known, settings, nodes):
        session.execute(change)
        log.warning(
            "the keyspace was changed",
            statement=change,
            to_do=f"nodetool repair --full {settings.keyspace}, on every node",
        )


def drop(settings: CassandraSettings) -> None:
    """Delete the keyspace with all its rows; harmless when there is none."""
    with _without_keyspace(settings) as session:
        session.execute(f"DROP KEYSPACE IF EXISTS {settings.keyspace}", timeout=DROP_SECONDS)


def rights() -> Iterator[str]:
    """The statements that give each role its permissions on tables, and take all others."""
    seen = set()
    for (role, table), permissions in cassandra_grants().items():
        if role not in seen:
            seen.add(role)
            yield f"CREATE ROLE IF NOT EXISTS {role}"
        for permission in ("SELECT", "MODIFY"):
            if permission in permissions:
                yield f"GRANT {permission} ON TABLE {table} TO {role}"
            else:
                yield f"REVOKE {permission} ON TABLE {table} FROM {role}"


def connect(settings: CassandraSettings) -> Session:
    """Open a session on the keyspace. Close it with `session.cluster.shutdown()`."""
    cluster = cluster_of(settings)
    try:
        return cluster.connect(settings.keyspace)
    except BaseException as error:
        cluster.shutdown()
        if isinstance(error, NoHostAvailable):
            raise _failed(settings, "no node answered") from error
        raise


def connect_to_known(settings: CassandraSettings) -> Session:
    """The same; raises UserError for tables that this release must not work with."""
    session = connect(settings)
    try:
        applied = migrating.applied(session, settings.keyspace)
        refuse(migration_breaches(catalogue(), applied))
    except BaseException:
        session.cluster.shutdown()
        raise
    return session


@contextmanager
def _without_keyspace(settings: CassandraSettings) -> Iterator[Session]:
    """A session for changing the keyspace itself. Raises UserError for whatever fails in it."""
    session = _connect_patiently(settings)
    try:
        yield session
    except (DriverException, ErrorMessage) as error:
        raise _failed(settings, f"{type(error).__name__}: {error}") from error
    finally:
        session.cluster.shutdown()


def cluster_of(
    settings: CassandraSettings, request_timeout_seconds: float = REQUEST_TIMEOUT_SECONDS
) -> Cluster:
    """The driver's view of the nodes; nothing is opened yet."""
    local = DCAwareRoundRobinPolicy(local_dc=settings.datacenter)
    profile = ExecutionProfile(
        load_balancing_policy=TokenAwarePolicy(local), request_timeout=request_timeout_seconds
    )
    return Cluster(
        list(settings.hosts),
        port=settings.port,
        protocol_version=_PROTOCOL,
        auth_provider=PlainTextAuthProvider(settings.username, settings.password)
        if settings.username
        else None,
        ssl_context=None if settings.ca_file is None else client_context(settings.ca_file),
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        # Without this a batch of some kilobytes waits 40 ms for a delayed acknowledgement.
        sockopts=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        # The driver's own policy would wait up to ten minutes for a node that is back.
        reconnection_policy=ConstantReconnectionPolicy(RECONNECT_SECONDS, max_attempts=None),
        control_connection_timeout=CONNECT_TIMEOUT_SECONDS,
        idle_heartbeat_timeout=max(_HEARTBEAT_SECONDS, request_timeout_seconds),
    )


def _connect_patiently(settings: CassandraSettings) -> Session:
    """Connect to a node that may have started just now: one that is there is asked again."""
    give_up_at = time.monotonic() + _PATIENCE_SECONDS
    while True:
        cluster = cluster_of(settings, APPLY_SECONDS)
        try:
            return cluster.connect()
        except NoHostAvailable as error:
            cluster.shutdown()
            is_away = all(isinstance(one, OSError) for one in error.errors.values())
            if is_away or time.monotonic() > give_up_at:
                raise _failed(settings, "no node answered") from error
        except BaseException:
            cluster.shutdown()
            raise
        time.sleep(1.0)


def _failed(settings: CassandraSettings, reason: str) -> UserError:
    hosts = ",".join(settings.hosts)
    return UserError(
        "cassandra_failed",
        f"Cassandra at {hosts} port {settings.port} could not be used: {reason}.",
        "Run `chatlog status`; if it does not run: `chatlog up`.",
    )
