"""`docs/demands.md`: the settings of Kafka, Cassandra and Redis that promises rest on."""

from __future__ import annotations

from itertools import groupby

from infra.demands.catalogue import DEMANDS, Demand, Mending, Where

_HEAD = """\
# Settings that the promises rest on

Made from `infra/demands/catalogue.py` by `make docs`; a test fails when it is not current.

A promise of [invariants](invariants.md) holds only if the parts around us are set so. Who looks:

- **The apply step** (`chatlog up`, `chatlog apply`) sets what the table says it sets, and \
refuses to go on when anything else differs. What Kafka does not show, as a managed one may, is \
logged as a setting that cannot be seen, and not refused.
- **Each program at its start**: a gateway asks about its topics before it listens, and ends with \
status 78; a worker asks about its topics, Cassandra and Redis as soon as each answers, and ends \
with one sentence. A worker waits for no part that is away.
- **`chatlog doctor`** asks for all of it, also of gateways' own topics. It warns of a topic \
of several copies of which all must hold a record: that breaks no promise, but nothing is written \
to it while one broker is away.

A part that does not know a setting (another release, a managed service that does not show it) is \
not refused for it. Whether Redis persists or is replicated does not matter: what it holds belongs \
to one run of it (ADR 0024). Clocks of Cassandra's nodes are not in the list: rows carry write \
times made from the log (ADR 0009). How far clocks of brokers and gateways may differ is I3."""

_ASKED = {
    Where.TOPIC: "apply step, gateways, workers, doctor",
    Where.BROKER: "apply step, doctor",
    Where.KEYSPACE: "apply step, workers, doctor",
    Where.NODE: "apply step, workers (not under lock), doctor",
    Where.REDIS: "workers, doctor",
}


def demands_page() -> str:
    """The page."""
    parts = [_HEAD]
    for where, demands in groupby(DEMANDS, key=lambda demand: demand.where):
        parts += [f"## {where}", f"Asked by: {_ASKED[where]}.", _table(list(demands))]
    parts += [
        "## More copies of each row",
        "`CHAT_CASSANDRA_REPLICATION_FACTOR` is raised by one at a time: the apply step alters "
        "the keyspace, then `nodetool repair --full <keyspace>` on every node fills the new "
        "copies, then the next. With two more at once a quorum could miss rows that were "
        "confirmed, so that is refused; so is a number that is lower than what the keyspace has, "
        "or higher than the number of nodes. Copies of topics are added with Kafka's "
        "`kafka-reassign-partitions`.",
    ]
    return "\n\n".join(parts) + "\n"


def _table(demands: list[Demand]) -> str:
    rows = [
        f"| `{one.name}` | {one.demanded} | {one.otherwise} | {one.promise} | {_mended(one)} |"
        for one in demands
    ]
    head = "| setting | demanded | otherwise | promises | mended |\n| --- | --- | --- | --- | --- |"
    return "\n".join([head, *rows])


def _mended(demand: Demand) -> str:
    return str(demand.mending) if demand.mending == Mending.SET else "by hand"
