"""Cassandra under lock: who may log in.

The server makes a first superuser whose name and password everybody knows. The stack uses it once,
to make the operator, and the operator takes everything from it. The roles of components get their
passwords here; what they may do is said at deployment (`infra.cassandra`).
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager

from cassandra import AuthenticationFailed
from cassandra.cluster import NoHostAvailable, Session

from infra import cassandra
from infra.access import COMPONENTS, OPERATOR
from infra.settings import CassandraSettings
from infra.stack.vault import Vault

FIRST = "cassandra"
"""Name and password of the superuser that the server makes."""

_FIRST_SECONDS = 30.0
_PAUSE_SECONDS = 0.2
_SLOW_SECONDS = 60.0


def settle(vault: Vault, port: int, datacenter: str) -> None:
    """Nobody is let in but the operator and the roles of components, each by its password."""

    def settings(name: str, password: str) -> CassandraSettings:
        given = {
            "port": port,
            "datacenter": datacenter,
            "username": name,
            "password": password,
            "ca_file": vault.ca_file,
        }
        return CassandraSettings.model_validate(given)

    operator = settings(OPERATOR, vault.password(OPERATOR))
    if not _is_let_in(operator):
        with _session(settings(FIRST, FIRST), patience_seconds=_FIRST_SECONDS) as session:
            session.execute(
                f"CREATE ROLE IF NOT EXISTS {OPERATOR} WITH PASSWORD = "
                f"'{operator.password}' AND SUPERUSER = true AND LOGIN = true"
            )
    with _session(operator) as session:
        session.execute(
            f"ALTER ROLE {FIRST} WITH PASSWORD = '{secrets.token_hex()}'"
            " AND SUPERUSER = false AND LOGIN = false"
        )
        for component in COMPONENTS.values():
            if component.uses_cassandra:
                name = component.name
                session.execute(f"CREATE ROLE IF NOT EXISTS {name}")
                session.execute(
                    f"ALTER ROLE {name} WITH PASSWORD = '{vault.password(name)}' AND LOGIN = true"
                )


def _is_let_in(settings: CassandraSettings) -> bool:
    try:
        with _session(settings):
            return True
    except NoHostAvailable as error:
        if _is_refusal(error):
            return False
        raise


@contextmanager
def _session(settings: CassandraSettings, patience_seconds: float = 0.0) -> Iterator[Session]:
    """A session on no keyspace; with patience while the server has not made its first role yet.

    It has answered before, so one that does not now is busy, and is asked again.
    """
    give_up_at = time.monotonic() + patience_seconds
    slow_until = time.monotonic() + _SLOW_SECONDS
    while True:
        cluster = cassandra.cluster_of(settings)
        try:
            session = cluster.connect()
            break
        except NoHostAvailable as error:
            cluster.shutdown()
            limit = give_up_at if _is_refusal(error) else slow_until
            if time.monotonic() > limit:
                raise
            time.sleep(_PAUSE_SECONDS)
    try:
        yield session
    finally:
        cluster.shutdown()


def _is_refusal(error: NoHostAvailable) -> bool:
    return any(isinstance(one, AuthenticationFailed) for one in error.errors.values())
