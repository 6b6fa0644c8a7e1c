"""The topic catalogue: name, key, events, retention; what a cluster must look like.

A topic is a promise of order: records with one key keep their order. The four topics of
`CO_PARTITIONED` have the same number of partitions and the same partitioner, so that what is
decided at a submission's partition is found at the same partition number everywhere. That number
never changes on a live topic.
"""

from dataclasses import dataclass, field
from functools import lru_cache

from msgspec import Struct

from events import conversations, deliveries, gateways, queries, sessions, snapshots
from events.features import FACT_TYPES, MOVE_TYPES, SUBMISSION_TYPES

PARTITIONS = 4
"""Partitions of the topics whose order belongs to a conversation; for ever (ADR 0014)."""

_HOUR = 3_600_000
_DAY = 24 * _HOUR
FOR_EVER = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One topic. `retention_ms` is -1 for ever; `config` holds further broker settings."""

    name: str
    holds: str
    key: str
    events: tuple[type[Struct], ...]
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    partitions: int = PARTITIONS
    retention_ms: int = FOR_EVER
    cleanup_policy: str = "delete"
    per_gateway: bool = False
    config: dict[str, str] = field(default_factory=dict)


SUBMISSIONS = Topic(
    name="chat.submissions",
    holds="what clients asked for, in the broker's order and time",
    key="conversation_id; markers: none, placed at their partition",
    events=SUBMISSION_TYPES,
    producers=("edge",),
    consumers=("admission",),
    retention_ms=7 * _DAY,
)
CONVERSATIONS = Topic(
    name="chat.conversations",
    holds="facts: every decision, in order",
    key="conversation_id; claims: none, placed at their partition",
    events=(
        conversations.WriterClaimed,
        conversations.SubmissionsRestarted,
        *FACT_TYPES,
        conversations.SubmissionRejected,
        conversations.SubmissionRepeated,
    ),
    producers=("admission",),
    consumers=("admission", "fanout", "history", "snapshots"),
)
RECEIPTS = Topic(
    name="chat.receipts",
    holds="moves of delivered and read markers",
    key="conversation_id",
    events=MOVE_TYPES,
    producers=("admission",),
    consumers=("admission", "fanout", "receipts", "snapshots"),
)
SNAPSHOTS = Topic(
    name="chat.snapshots",
    holds="immutable snapshots of a partition's admission state",
    key="none, placed at the partition that is snapshotted",
    events=(snapshots.SnapshotPartWritten, snapshots.SnapshotCompleted),
    producers=("snapshots",),
    consumers=("admission", "snapshots"),
    retention_ms=3 * _DAY,
)
SESSIONS = Topic(
    name="chat.sessions",
    holds="devices that connect and leave",
    key="user_id",
    events=(sessions.SessionOpened, sessions.SessionClosed),
    producers=("edge",),
    consumers=("sessions",),
    partitions=8,
    retention_ms=7 * _DAY,
)
GATEWAYS = Topic(
    name="chat.gateways",
    holds="the life of each gateway",
    key="gateway_id",
    events=(gateways.GatewayStarted, gateways.GatewayAlive, gateways.GatewayDraining),
    producers=("edge",),
    consumers=("sessions",),
    partitions=8,
    cleanup_policy="compact",
    config={"segment.ms": str(_HOUR)},
)
QUERIES = Topic(
    name="chat.queries",
    holds="queries that need a store",
    key="user_id",
    events=(queries.HistoryRequested, queries.InboxRequested, queries.HeadsRequested),
    producers=("edge",),
    consumers=("queries",),
    partitions=8,
    retention_ms=6 * _HOUR,
)
DELIVERIES = Topic(
    name="chat.deliveries",
    holds="frames for one gateway, which creates `chat.deliveries.<gateway>` when it starts",
    key="none",
    events=(
        deliveries.FramesRouted,
        deliveries.SessionsRegistered,
        deliveries.SessionReplaced,
        deliveries.AnnouncementRequested,
    ),
    producers=("fanout", "sessions", "queries"),
    consumers=("edge",),
    partitions=1,
    retention_ms=_HOUR,
    per_gateway=True,
)

CO_PARTITIONED = (SUBMISSIONS, CONVERSATIONS, RECEIPTS, SNAPSHOTS)

KEPT = frozenset({CONVERSATIONS.name, RECEIPTS.name})
"""Topics that are kept for ever: whatever was read from them is still there."""

EVENT_TOPICS = (*CO_PARTITIONED, SESSIONS, GATEWAYS, QUERIES, DELIVERIES)
"""Every topic that holds events; each event belongs to exactly one of them."""

GROUPS = ("admission", "fanout", "history", "receipts", "sessions", "queries", "snapshots")
"""The consumer groups, one for each worker role."""

DEAD_LETTERS = tuple(
    Topic(
        name=f"{group}.dead",
        holds=f"records that {group} could not process: original bytes, with position and reason "
        "in headers",
        key="as in the source",
        events=(),
        producers=(group,),
        consumers=(),
        partitions=1,
        retention_ms=28 * _DAY,
    )
    for group in GROUPS
)

TOPICS: tuple[Topic, ...] = (
    *(topic for topic in EVENT_TOPICS if not topic.per_gateway),
    *DEAD_LETTERS,
)
"""Every topic that the apply step makes; delivery topics are made by their gateways."""

COMMON_CONFIG = {
    "message.timestamp.type": "LogAppendTime",
    "max.message.bytes": "1048588",
    "unclean.leader.election.enable": "false",
    "retention.bytes": "-1",
}
"""Broker settings of every topic; why each is demanded: `infra/demands/catalogue.py`.

The time of a record is the time at which it was appended. A copy that lacks confirmed records never
leads: the partition waits instead.
"""

TOPIC_OF: dict[type[Struct], Topic] = {
    event: topic for topic in EVENT_TOPICS for event in topic.events
}


def delivery_topic(gateway_id: str) -> str:
    """The name of a gateway's own topic. Gateway ids are made by us, never by a user."""
    return f"{DELIVERIES.name}.{gateway_id}"


@lru_cache(maxsize=65_536)
def partition_of(key: str, partitions: int = PARTITIONS) -> int:
    """The partition of a key: Kafka's default partitioner (librdkafka's `murmur2_random`)."""
    return (_murmur2(key.encode()) & 0x7FFFFFFF) % partitions


def _murmur2(data: bytes) -> int:
    """Murmur2 as in Kafka's Java client (org.apache.kafka.common.utils.Utils.murmur2)."""
    mask, m = 0xFFFFFFFF, 0x5BD1E995
    length = len(data)
    h = (0x9747B28C ^ length) & mask
    whole = length & ~3
    for i in range(0, whole, 4):
        k = int.from_bytes(data[i : i + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = (h * m & mask) ^ k
    tail = data[whole:]
    if tail:
        h = (h ^ int.from_bytes(tail, "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15
