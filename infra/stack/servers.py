"""The servers of an instance: which there are, each as a part, and how programs find them."""

from __future__ import annotations

from infra.stack.cassandra import DATACENTER, cassandra
from infra.stack.cluster import broker_names
from infra.stack.kafka import kafka
from infra.stack.part import Part
from infra.stack.place import Place
from infra.stack.redis import redis
from infra.stack.registry import registry, registry_url

_OTHERS = {"registry": registry, "cassandra": cassandra, "redis": redis}


def server_names(brokers: int) -> tuple[str, ...]:
    """Every server of an instance with so many brokers, in the order in which they start."""
    return (*broker_names(brokers), *_OTHERS)


def server(place: Place, name: str) -> Part:
    """One server as a part; KeyError for a name that is none of `server_names`."""
    brokers = broker_names(place.brokers)
    if name in brokers:
        return kafka(place, brokers.index(name) + 1)
    return _OTHERS[name](place)


def addresses(place: Place) -> dict[str, str]:
    """The settings by which programs find the servers; under lock, not what lets them in."""
    address, port = "127.0.0.1", place.ports.port
    return {
        "CHAT_KAFKA_BOOTSTRAP": place.bootstrap,
        "CHAT_KAFKA_REPLICATION_FACTOR": str(place.brokers),
        "CHAT_REGISTRY_URL": registry_url(place),
        "CHAT_CASSANDRA_HOSTS": address,
        "CHAT_CASSANDRA_PORT": str(port("cassandra")),
        "CHAT_CASSANDRA_DATACENTER": DATACENTER,
        "CHAT_REDIS_URL": f"redis://{address}:{port('redis')}/0",
    }
