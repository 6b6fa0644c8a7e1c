"""The list of settings that promises rest on. Pure.

A `Demand` says what is demanded of one setting and whether a value meets it. A `Breach` is a value
that does not. Numbers that are facts of the system come from where they are decided.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from events.topics import COMMON_CONFIG, SUBMISSIONS
from infra.errors import UserError
from infra.settings import EXIT_CONFIG

BATCH_BYTES_MIN = 50 << 10
"""Cassandra's own default; our batches are smaller (`infra.statements`)."""
OFFSETS_KEPT_MINUTES_MIN = SUBMISSIONS.retention_ms // 60_000


class Where(StrEnum):
    """Where a setting lives."""

    TOPIC = "Kafka, topic"
    BROKER = "Kafka, broker"
    KEYSPACE = "Cassandra, keyspace"
    NODE = "Cassandra, node"
    REDIS = "Redis"


class Mending(StrEnum):
    """What becomes of a breach."""

    SET = "the apply step sets it"
    REFUSED = "refused; by hand"


Holds = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Demand:
    """One setting, what is demanded of it, and the promise that breaks otherwise."""

    name: str
    where: Where
    demanded: str
    otherwise: str
    """What breaks, in a sentence."""
    promise: str
    """Invariants (docs/invariants.md) that rest on it."""
    mending: Mending = Mending.REFUSED
    holds: Holds = field(default=lambda value: True, compare=False)
    """Whether a value, as the part says it, meets the demand."""


@dataclass(frozen=True, slots=True)
class Breach:
    """A setting that does not meet its demand."""

    demand: Demand
    place: str
    """Which topic, node or server."""
    found: str
    said: str = ""
    """The sentence, where the general one does not fit."""
    to_do: str = ""
    """The remedy, where the general one does not fit."""

    @property
    def sentence(self) -> str:
        """What is wrong, and what that breaks."""
        demand = self.demand
        return self.said or (
            f"{demand.name} of {self.place} is {self.found or 'empty'}, "
            f"and must be {demand.demanded}: {demand.otherwise}"
        )

    @property
    def remedy(self) -> str:
        """What to do about it."""
        if self.to_do:
            return self.to_do
        if self.demand.mending == Mending.SET:
            return "Apply the catalogues: `chatlog up`, or `chatlog apply`."
        return f"Set it in the configuration of {self.place}, and restart that if it has to be."


def refuse(breaches: Iterable[Breach]) -> None:
    """Raise a UserError for the first breach, if there is one."""
    found = list(breaches)
    if not found:
        return
    others = f" {len(found) - 1} more are named by `chatlog doctor`." if found[1:] else ""
    raise UserError(
        "setting_refused", found[0].sentence + others, found[0].remedy, exit_status=EXIT_CONFIG
    )


def breaches_of(demands: Iterable[Demand], place: str, values: Mapping[str, str]) -> list[Breach]:
    """The demands that values do not meet; one that the part does not know is not asked. Pure."""
    return [
        Breach(demand, place, values[demand.name])
        for demand in demands
        if demand.name in values and not demand.holds(values[demand.name])
    ]


def is_(*wanted: str) -> Holds:
    """The value is one of these."""
    return lambda value: value.strip().lower() in wanted


def at_least(minimum: int) -> Holds:
    """The value is a number, or a size such as `50KiB`, that is at least this."""
    return lambda value: (number := number_of(value)) is not None and number >= minimum


_SIZE = re.compile(r"(-?\d+)\s*(KiB|MiB|GiB|B)?")
_FACTORS = {None: 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def number_of(value: str) -> int | None:
    """The number a value says, in bytes when it has a unit."""
    match = _SIZE.fullmatch(value.strip())
    return int(match.group(1)) * _FACTORS[match.group(2)] if match else None


def _topic(name: str, demanded: str, otherwise: str, promise: str) -> Demand:
    return Demand(name, Where.TOPIC, demanded, otherwise, promise, Mending.SET)


TOPIC_DEMANDS = (
    _topic(
        "retention.ms",
        "as in the topic catalogue, -1 (for ever) for facts",
        "facts would be deleted, or submissions before they are decided.",
        "I1, I9",
    ),
    _topic(
        "retention.bytes",
        COMMON_CONFIG["retention.bytes"],
        "a default of the broker would delete facts by size.",
        "I1, I9",
    ),
    _topic(
        "cleanup.policy",
        "as in the topic catalogue: delete, but compact for chat.gateways",
        "compaction would keep only one fact per conversation.",
        "I1, I9",
    ),
    _topic(
        "min.insync.replicas",
        "at least all copies but one",
        "a confirmed record could be on one broker only, and be lost with it.",
        "I1",
    ),
    _topic(
        "unclean.leader.election.enable",
        COMMON_CONFIG["unclean.leader.election.enable"],
        "a copy that lacks confirmed records could become the leader.",
        "I1, I4",
    ),
    _topic(
        "message.timestamp.type",
        COMMON_CONFIG["message.timestamp.type"],
        "the clock of a gateway would determine how old a resend is.",
        "I3, I8",
    ),
    _topic(
        "max.message.bytes",
        COMMON_CONFIG["max.message.bytes"],
        "a fact could be larger than readers, snapshots and dead letters accept.",
        "I10",
    ),
    _topic(
        "segment.ms",
        "as in the topic catalogue (chat.gateways: one hour)",
        "the newest segment is never compacted, so removed gateways would stay.",
        "I11",
    ),
)
PARTITION_COUNT = Demand(
    "number of partitions",
    Where.TOPIC,
    "as in the topic catalogue, for ever",
    "records with the same key would no longer keep their order.",
    "I4",
)
COPIES = Demand(
    "number of copies",
    Where.TOPIC,
    "at least CHAT_KAFKA_REPLICATION_FACTOR",
    "with min.insync.replicas the topic would accept no records.",
    "I1",
)
BROKER_DEMANDS = (
    Demand(
        "auto.create.topics.enable",
        Where.BROKER,
        "false",
        "a topic that is used before it is created would have another number of partitions.",
        "I4",
        holds=is_("false"),
    ),
    Demand(
        "offsets.retention.minutes",
        Where.BROKER,
        f"at least {OFFSETS_KEPT_MINUTES_MIN:,} (as long as submissions are kept)",
        "after a shorter stop every group would read the log from the beginning, "
        "and set aside the same poison records again.",
        "I10",
        holds=at_least(OFFSETS_KEPT_MINUTES_MIN),
    ),
    Demand(
        "log.cleaner.enable",
        Where.BROKER,
        "true",
        "chat.gateways and the offsets of groups would grow without bound.",
        "I11",
        holds=is_("true"),
    ),
    Demand(
        "group.coordinator.rebalance.protocols",
        Where.BROKER,
        "a list with `consumer`",
        "workers could not join their groups.",
        "I1",
        holds=lambda value: "consumer" in value.lower().replace(" ", "").split(","),
    ),
)
OFFSETS_COPIES = Demand(
    "number of copies of __consumer_offsets",
    Where.BROKER,
    "at least CHAT_KAFKA_REPLICATION_FACTOR",
    "with the broker that holds it, all groups would lose their positions.",
    "I10",
)
REPLICATION = Demand(
    "replication",
    Where.KEYSPACE,
    "CHAT_CASSANDRA_REPLICATION_FACTOR copies in the data centre",
    "rows would be lost with a node whose loss the settings say is tolerated.",
    "I1, I9",
    Mending.SET,
)
DURABLE_WRITES = Demand(
    "durable_writes",
    Where.KEYSPACE,
    "true",
    "rows that were acknowledged would not be in the commit log.",
    "I1, I9",
    Mending.SET,
    holds=is_("true"),
)
MIGRATIONS = Demand(
    "migrations of each projection",
    Where.KEYSPACE,
    "all in projections/*/migrations",
    "statements would name columns that do not exist.",
    "I9",
    Mending.SET,
)
NEWER_MIGRATIONS = Demand(
    "migrations of newer releases",
    Where.KEYSPACE,
    "compatible with this release (ADR 0029)",
    "what this release reads and writes has changed.",
    "I9",
)
MIGRATION_TEXTS = Demand(
    "text of an applied migration",
    Where.KEYSPACE,
    "as it was applied",
    "a newly created keyspace would differ from this one.",
    "I9",
)
COLUMNS = Demand(
    "columns of each table",
    Where.KEYSPACE,
    "as the migrations create them",
    "CREATE TABLE IF NOT EXISTS leaves a table of another release as it is.",
    "I9",
)
NODE_DEMANDS = (
    Demand(
        "commitlog_sync",
        Where.NODE,
        "group or batch",
        "a killed node would lose rows that history has moved past.",
        "I1, I9",
        holds=is_("group", "batch"),
    ),
    Demand(
        "batch_size_fail_threshold",
        Where.NODE,
        f"at least {BATCH_BYTES_MIN >> 10} KiB",
        "batches of rows would be refused for ever.",
        "I1",
        holds=at_least(BATCH_BYTES_MIN),
    ),
)
REDIS_DEMANDS = (
    Demand(
        "maxmemory-policy",
        Where.REDIS,
        "noeviction",
        "an evicted head or session would be taken for one that does not exist.",
        "I6",
        holds=is_("noeviction"),
    ),
    Demand(
        "redis_version",
        Where.REDIS,
        "at least 7.0",
        "older releases do not support SET with NX and GET together, by which a connection "
        "knows the run of its server (ADR 0024).",
        "I6",
        holds=lambda value: (number_of(value.partition(".")[0]) or 0) >= 7,
    ),
    Demand(
        "cluster-enabled",
        Where.REDIS,
        "no",
        "our commands use several keys at once.",
        "I6",
        holds=is_("no"),
    ),
)

DEMANDS = (
    *TOPIC_DEMANDS,
    PARTITION_COUNT,
    COPIES,
    *BROKER_DEMANDS,
    OFFSETS_COPIES,
    REPLICATION,
    DURABLE_WRITES,
    MIGRATIONS,
    NEWER_MIGRATIONS,
    MIGRATION_TEXTS,
    COLUMNS,
    *NODE_DEMANDS,
    *REDIS_DEMANDS,
)
"""All of them, in the order of the page."""
