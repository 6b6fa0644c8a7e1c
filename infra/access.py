"""Who may do what under lock: the rights of every component, as data.

Rights on the log follow from the topic catalogue: who writes a topic, who reads it, whose group it
is. What only this file says is which tables, which keys of Redis and which commands each needs. Out
of it come Kafka's ACLs, Cassandra's grants, Redis's ACL file and `docs/access.md`. What is not said
here is refused.

A worker role and its consumer group share a name, and so does the principal: `history`. Gateways
are principals each, since each has a delivery topic of its own: `edge-<gateway>`.
"""

from dataclasses import dataclass
from enum import StrEnum

from events.topics import CONVERSATIONS, DEAD_LETTERS, EVENT_TOPICS, GROUPS, delivery_topic

OPERATOR = "operator"
"""May do everything: deployment, the command line, repairs. No program of ours runs as it."""

REGISTRY = "registry"
"""The schema registry, which keeps its schemas in topics of its own."""

BROKER = "kafka"
"""How brokers' certificates call them; nobody has this name with a password."""

EDGE = "edge"
_EDGE_PREFIX = "edge-"

LOG_READER_GROUP = "none"
"""What a groupless reader names as its group: librdkafka asks who coordinates it."""


class Operation(StrEnum):
    """What may be done with a topic or a group; reading and writing imply describing."""

    READ = "read"
    WRITE = "write"
    DESCRIBE = "describe"
    CREATE = "create"
    ALTER = "alter"
    DESCRIBE_CONFIGS = "describe_configs"
    ALTER_CONFIGS = "alter_configs"


class Resource(StrEnum):
    """What a right is about."""

    TOPIC = "topic"
    GROUP = "group"


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """One right of a principal in Kafka."""

    operation: Operation
    resource: Resource
    name: str
    prefixed: bool = False
    """Whether it holds for every name that begins so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One kind of program, and its rights beside those that the topic catalogue gives."""

    name: str
    asks_about: tuple[str, ...] = ()
    """Groups of which it asks how far they have come."""
    modifies: tuple[str, ...] = ()
    """Tables whose rows it writes."""
    selects: tuple[str, ...] = ()
    """Tables whose rows it reads."""
    redis_commands: tuple[str, ...] = ()
    redis_keys: tuple[str, ...] = ()
    """Patterns in the words of Redis: `~` read and write, `%R~` read, `%W~` write."""

    @property
    def uses_cassandra(self) -> bool:
        """Whether there is a role for it."""
        return bool(self.modifies or self.selects)

    @property
    def uses_redis(self) -> bool:
        """Whether there is a user for it."""
        return bool(self.redis_commands)


_TIMELINE = ("timeline", "newest_buckets")
_INBOX = "conversations_by_user"
_RECEIPTS = "marker_moves"
TABLES = (*_TIMELINE, _INBOX, _RECEIPTS)
"""Every table of `projections/*/migrations`."""
MIGRATIONS_TABLE = "migrations"
"""Which of them were applied: each role reads it at its start, the apply step writes it."""

# Scripts run with the rights of whoever calls them, so these two add none.
_SCRIPTS = ("evalsha", "script|load")
# Who connects first after a start of the server deletes what is left of an earlier run (ADR 0024).
_BEGIN_COMMANDS = ("info", "get", "set", "flushdb", *_SCRIPTS)
_BEGIN_KEYS = ("~run",)
_HEADS_COMMANDS = (
    *("zscore", "zmscore", "zrange", "zadd", "expire", "hget", "hset", "hsetnx", "hincrby"),
    *_BEGIN_COMMANDS,
)
_HEADS_KEYS = (*_BEGIN_KEYS, "~life", "~recent:*", "~standing:*")

COMPONENTS = {
    component.name: component
    for component in (
        Component(name=EDGE),
        Component(name="admission"),
        Component(
            name="fanout",
            redis_commands=(*_BEGIN_COMMANDS, "zadd", "expire", "hincrby", "hgetall", "mget"),
            redis_keys=(
                *_BEGIN_KEYS,
                "~life",
                "%W~standing:*",
                "~recent:*",  # a script is refused keys that its caller may only write
                "%R~sessions:*",
                "%R~gateway:*",
            ),
        ),
        Component(name="history", modifies=(*_TIMELINE, _INBOX)),
        Component(name="receipts", modifies=(_RECEIPTS,)),
        Component(
            name="sessions",
            asks_about=("history",),
            selects=(*_TIMELINE, _INBOX),
            redis_commands=(
                *_HEADS_COMMANDS,
                *("hgetall", "hlen", "hmget", "hdel", "mget", "sadd", "srandmember", "srem"),
            ),
            redis_keys=(
                *_HEADS_KEYS,
                *("~sessions:*", "~gateway:*", "~gateway-position:*", "~owed"),
            ),
        ),
        Component(
            name="queries",
            asks_about=("history",),
            selects=TABLES,
            redis_commands=_HEADS_COMMANDS,
            redis_keys=_HEADS_KEYS,
        ),
        Component(name="snapshots"),
    )
}
"""Every component by name; their rights on the log are those of `kafka_grants`."""


def edge_principal(gateway_id: str) -> str:
    """Who a gateway is."""
    return f"{_EDGE_PREFIX}{gateway_id}"


def component_of(principal: str) -> Component:
    """The component that a principal is one of. Raises KeyError for any other name."""
    name = EDGE if principal.startswith(_EDGE_PREFIX) else principal
    if name == EDGE and principal == EDGE:
        raise KeyError(principal)
    return COMPONENTS[name]


def kafka_grants(principal: str) -> frozenset[Grant]:
    """Every right of a principal on topics and groups; no other holds."""
    if principal == REGISTRY:
        return _registry_grants()
    component = component_of(principal)
    gateway_id = principal.removeprefix(_EDGE_PREFIX) if component.name == EDGE else ""
    grants = set()
    for topic in (*EVENT_TOPICS, *DEAD_LETTERS):
        if component.name in topic.producers:
            prefix = f"{topic.name}." if topic.per_gateway else topic.name
            grants.add(Grant(Operation.WRITE, Resource.TOPIC, prefix, topic.per_gateway))
        if component.name in topic.consumers:
            name = delivery_topic(gateway_id) if topic.per_gateway else topic.name
            grants.add(Grant(Operation.READ, Resource.TOPIC, name))
            if topic.per_gateway:
                grants |= {
                    Grant(operation, Resource.TOPIC, name)
                    for operation in (
                        Operation.CREATE,
                        Operation.DESCRIBE_CONFIGS,
                        Operation.ALTER_CONFIGS,
                    )
                }
        if not topic.per_gateway and component.name in (*topic.producers, *topic.consumers):
            # It asks at its start whether the topic is set as it must be (`infra.demands`).
            grants.add(Grant(Operation.DESCRIBE_CONFIGS, Resource.TOPIC, topic.name))
    own_group = component.name if component.name in GROUPS else principal
    grants.add(Grant(Operation.READ, Resource.GROUP, own_group))
    if component.name in GROUPS:
        # It compares where it goes on with what the log holds there (ADR 0023).
        grants.add(Grant(Operation.DESCRIBE, Resource.GROUP, LOG_READER_GROUP))
    for group in component.asks_about:
        # Of the facts only where they end; the rows are read elsewhere.
        grants.add(Grant(Operation.DESCRIBE, Resource.GROUP, LOG_READER_GROUP))
        grants.add(Grant(Operation.DESCRIBE, Resource.GROUP, group))
        grants.add(Grant(Operation.DESCRIBE, Resource.TOPIC, CONVERSATIONS.name))
    return frozenset(grants)


def cassandra_grants() -> dict[tuple[str, str], frozenset[str]]:
    """The permissions of each role on each table, also where there are none."""
    return {
        (component.name, table): frozenset(
            [
                *(("MODIFY",) if table in component.modifies else ()),
                *(("SELECT",) if table in (*component.selects, MIGRATIONS_TABLE) else ()),
            ]
        )
        for component in COMPONENTS.values()
        if component.uses_cassandra
        for table in (*TABLES, MIGRATIONS_TABLE)
    }


def redis_rules(principal: str) -> tuple[str, ...]:
    """What a user of Redis may do, in the words of its ACL; nothing that is not said."""
    if principal == OPERATOR:
        return ("~*", "&*", "+@all")
    component = component_of(principal)
    return (
        "resetkeys",
        "resetchannels",
        "-@all",
        *(f"+{command}" for command in component.redis_commands),
        *component.redis_keys,
    )


def _registry_grants() -> frozenset[Grant]:
    """Its topics and groups begin so; it makes them when it starts for the first time."""
    topics = {
        Grant(operation, Resource.TOPIC, prefix, prefixed=True)
        for prefix in ("kafkasql-", "registry-")
        for operation in (
            Operation.CREATE,
            Operation.READ,
            Operation.WRITE,
            Operation.DESCRIBE_CONFIGS,
        )
    }
    groups = {Grant(Operation.READ, Resource.GROUP, "apicurio-", prefixed=True)}
    return frozenset(topics | groups)
