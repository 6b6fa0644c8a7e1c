"""`docs/demands.md`: the settings of Kafka, Cassandra and Redis that promises rest on."""

from __future__ import annotations

from itertools import groupby

from infra.demands.catalogue import DEMANDS, Demand, Mending, Where

_HEAD = """\
# Settings that the promises depend on

Generated from `infra/demands/catalogue.py` by `make docs`; a test fails when it is not current.

The promises in [invariants](invariants.md) hold only if Kafka, Cassandra and Redis are configured \
as listed here. The settings are checked by:

- **The apply step** (`chatlog up`, `chatlog apply`) sets what the table says it sets, and \
refuses to continue when anything else differs. A setting that Kafka does not show, as with some \
managed services, is logged as one that cannot be seen; it is not refused.
- **Each program at its start**: a gateway checks its topics before it listens, and ends with \
status 78; a worker checks its topics, Cassandra and Redis as soon as each answers, and ends \
with one sentence and the same status. A worker does not wait for a service that is down.
- **`chatlog doctor`** checks all of it, including the gateways' own topics. It warns of a topic \
with several copies all of which must hold a record: that breaks no promise, but nothing can be \
written to the topic while one broker is down.

A service that does not know a setting (another release, a managed service that does not show it) \
is not refused for it. Whether Redis persists or is replicated does not matter: what it holds \
belongs to one run of it (ADR 0024). Clocks of Cassandra's nodes are not in the list, because rows \
carry write times derived from the log (ADR 0009). I3 says how far clocks of brokers and gateways \
may differ."""

_ASKED = {
    Where.TOPIC: "apply step, gateways, workers, doctor",
    Where.BROKER: "apply step, doctor",
    Where.KEYSPACE: "apply step, workers, doctor",
    Where.NODE: "apply step, workers (not in secured mode), doctor",
    Where.REDIS: "workers, doctor",
}


def demands_page() -> str:
    """The page."""
    parts = [_HEAD]
    for where, demands in groupby(DEMANDS, key=lambda demand: demand.where):
        parts += [f"## {where}", f"Checked by: {_ASKED[where]}.", _table(list(demands))]
    parts += [
        "## More copies of each row",
        "Raise `CHAT_CASSANDRA_REPLICATION_FACTOR` by one at a time: the apply step alters the "
        "keyspace, then `nodetool repair --full <keyspace>` on every node fills the new copies, "
        "then the next step may follow. With two more at once a quorum could miss confirmed rows, "
        "so that is refused; so is a number lower than the keyspace has, or higher than the "
        "number of nodes. Copies of topics are added with Kafka's `kafka-reassign-partitions`.",
    ]
    return "\n\n".join(parts) + "\n"


def _table(demands: list[Demand]) -> str:
    rows = [
        f"| `{one.name}` | {one.demanded} | {one.otherwise} | {one.promise} | {_mended(one)} |"
        for one in demands
    ]
    head = "| setting | required | otherwise | promises | fix |\n| --- | --- | --- | --- | --- |"
    return "\n".join([head, *rows])


def _mended(demand: Demand) -> str:
    return str(demand.mending) if demand.mending == Mending.SET else "by hand"
