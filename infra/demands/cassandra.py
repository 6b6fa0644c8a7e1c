"""What Cassandra has: copies, tables, and how each node is configured. Blocks: for a thread."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cassandra import Unauthorized
from cassandra.cluster import Session

from infra.demands.catalogue import (
    COLUMNS,
    DURABLE_WRITES,
    MIGRATIONS,
    NODE_DEMANDS,
    REPLICATION,
    Breach,
    breaches_of,
)
from infra.errors import UserError
from infra.migrating import applied
from infra.migrations import Migration, lost_tables, statements_of, tables_of, unchanged
from infra.migrations import breaches as migration_breaches
from infra.settings import CassandraSettings


def breaches(
    session: Session, settings: CassandraSettings, known: Sequence[Migration]
) -> list[Breach]:
    """Everything that is not as demanded. Raises the driver's errors when it cannot be asked."""
    keyspace = settings.keyspace
    place = f"keyspace {keyspace}"
    had = applied(session, keyspace)
    found = migration_breaches(known, had)
    if (copied := keyspace_of(session, keyspace)) is not None:
        replication, durable = copied
        if copies_of(replication, settings.datacenter) < settings.replication_factor:
            found.append(Breach(REPLICATION, place, str(dict(replication))))
        found += breaches_of([DURABLE_WRITES], place, {"durable_writes": str(durable).lower()})
        ours = statements_of(unchanged(known, had))
        columns = columns_of(session, keyspace)
        found += missing_columns(columns, ours)
        found += missing_tables(lost_tables(known, had, columns))
    for host in session.cluster.metadata.all_hosts():
        if host.is_up:
            try:
                rows = session.execute("SELECT name, value FROM system_views.settings", host=host)
            except Unauthorized:  # not for a worker under lock; the apply step is the operator
                continue
            node = f"Cassandra's node {host.address}"
            found += breaches_of(NODE_DEMANDS, node, {one.name: str(one.value) for one in rows})
    return found


def keyspace_of(session: Session, keyspace: str) -> tuple[Mapping[str, str], bool] | None:
    """How a keyspace is copied and whether its writes are durable; nothing if there is none."""
    rows = session.execute(
        "SELECT replication, durable_writes FROM system_schema.keyspaces WHERE keyspace_name = %s",
        (keyspace,),
    )
    row = rows.one()
    return None if row is None else (row.replication, row.durable_writes)


def columns_of(session: Session, keyspace: str) -> dict[str, set[str]]:
    """The columns of each table."""
    rows = session.execute(
        "SELECT table_name, column_name FROM system_schema.columns WHERE keyspace_name = %s",
        (keyspace,),
    )
    columns: dict[str, set[str]] = {}
    for row in rows:
        columns.setdefault(row.table_name, set()).add(row.column_name)
    return columns


def copies_of(replication: Mapping[str, str], datacenter: str) -> int:
    """How many copies of each row a data centre holds. Pure."""
    is_simple = replication.get("class", "").endswith("SimpleStrategy")
    said = replication.get("replication_factor" if is_simple else datacenter, "0")
    return int(said.partition("/")[0])


def missing_columns(columns: Mapping[str, set[str]], statements: Iterable[str]) -> list[Breach]:
    """Tables that lack a column which the statements give them. Pure."""
    return [
        Breach(COLUMNS, f"table {table}", f"without {', '.join(lacking)}")
        for table, wanted in tables_of(statements).items()
        if table in columns and (lacking := sorted(wanted - columns[table]))
    ]


def missing_tables(lost: Iterable[tuple[str, str]]) -> list[Breach]:
    """Tables of a projection that were applied and are gone. Pure."""
    return [
        Breach(
            MIGRATIONS,
            f"projection {projection}",
            f"without table {table}",
            said=f"Table {table} of projection {projection} is missing, though it was applied.",
            to_do="Run `chatlog apply`, which makes it again; `chatlog replay rebuild` fills it.",
        )
        for projection, table in lost
    ]


def keyspace_change(
    replication: Mapping[str, str], durable: bool, settings: CassandraSettings, nodes: int
) -> str | None:
    """The statement that makes a keyspace as demanded; nothing when it is. Pure.

    One copy more at a time: with a quorum of the new copies, a reader still meets one that holds
    the row. Before the next, a repair has to fill the new copy. Raises UserError.
    """
    copies, wanted = copies_of(replication, settings.datacenter), settings.replication_factor
    if copies > wanted:
        raise _refused(
            f"The keyspace {settings.keyspace} has {copies} copies of each row, and "
            f"CHAT_CASSANDRA_REPLICATION_FACTOR asks for {wanted}.",
            f"Nothing was applied. Set it to {copies}; copies are never taken by this step.",
        )
    if copies == wanted and durable:
        return None
    if wanted > copies + 1:
        raise _refused(
            f"CHAT_CASSANDRA_REPLICATION_FACTOR asks for {wanted} copies of each row, and the "
            f"keyspace {settings.keyspace} has {copies}: a quorum could miss rows.",
            f"Nothing was applied. Set it to {copies + 1}, apply, run `nodetool repair --full "
            f"{settings.keyspace}` on every node, and so on.",
        )
    if copies < wanted:
        require_nodes(settings, nodes)
    return (
        f"ALTER KEYSPACE {settings.keyspace} WITH replication = "
        f"{_raised(replication, settings) if copies < wanted else _literal(replication)} "
        "AND durable_writes = true"
    )


def _raised(replication: Mapping[str, str], settings: CassandraSettings) -> str:
    """The copies of our data centre as asked for, those of others as they are."""
    strategy = replication.get("class", "").rpartition(".")[2]
    if strategy == "NetworkTopologyStrategy":
        own = {settings.datacenter: str(settings.replication_factor)}
        return _literal({**replication, **own})
    if strategy == "SimpleStrategy":
        return replication_of(settings)
    raise _refused(
        f"The keyspace {settings.keyspace} is replicated by {strategy}, which this step does not "
        "know.",
        "Nothing was applied. Use NetworkTopologyStrategy.",
    )


def require_nodes(settings: CassandraSettings, nodes: int) -> None:
    """Refuse more copies than there are nodes to hold them. Raises UserError. Pure."""
    if nodes < settings.replication_factor:
        raise _refused(
            f"CHAT_CASSANDRA_REPLICATION_FACTOR asks for {settings.replication_factor} copies of "
            f"each row, and {settings.datacenter} has {nodes} node(s).",
            "Nothing was applied. Add nodes, or lower the setting.",
        )


def replication_of(settings: CassandraSettings) -> str:
    """The copies that the settings ask for, in CQL. Pure."""
    copies = settings.replication_factor
    if copies == 1:
        return "{'class': 'SimpleStrategy', 'replication_factor': 1}"
    return f"{{'class': 'NetworkTopologyStrategy', '{settings.datacenter}': {copies}}}"


def nodes_of(session: Session, datacenter: str) -> int:
    """How many nodes a data centre has."""
    hosts: Iterable[Any] = session.cluster.metadata.all_hosts()
    return sum(host.datacenter == datacenter for host in hosts)


def _literal(replication: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"'{name}': '{value}'" for name, value in replication.items()) + "}"


def _refused(sentence: str, remedy: str) -> UserError:
    return UserError("setting_refused", sentence, remedy)
