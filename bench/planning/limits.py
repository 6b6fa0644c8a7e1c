"""Which number breaks first: users are raised until each limit is passed. Pure.

In: a demand whose proportions are kept, and the inputs. Out: each limit with the number of users
at which it is passed, the first one first. A limit of this code is passed while it runs as it is
built; one of a part is passed by one cluster of that part, however many machines are added.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench.planning.inputs import Inputs
from bench.planning.model import Demand, Plan, plan

USERS_MIN, USERS_MAX = 1_000.0, 1e13


@dataclass(frozen=True, slots=True)
class Limit:
    """Something that must not be passed."""

    name: str
    of_this_code: bool
    used: Callable[[Plan, Inputs], float]
    """How much of it a plan uses; 1 is all."""
    bound_by: str
    """The input that says where it is."""


@dataclass(frozen=True, slots=True)
class Break:
    """Where a limit is passed."""

    limit: Limit
    users: float
    used_at_demand: float


LIMITS = (
    Limit(
        "partitions of conversations, as built",
        True,
        lambda p, i: p.partitions / i.of("partitions_built"),
        "partitions_built",
    ),
    Limit(
        "memory of one Redis server, as built",
        True,
        lambda p, i: p.redis_gib / i.of("largest_server_gib"),
        "largest_server_gib",
    ),
    Limit(
        "one core of one Redis server, as built",
        True,
        lambda p, i: p.redis_cores / i.of("utilisation_max"),
        "utilisation_max",
    ),
    Limit(
        "records that share a request to a gateway's topic (below 1, batches are lost)",
        True,
        lambda p, i: 1 / p.records_a_delivery_request,
        "gather_milliseconds",
    ),
    Limit(
        "partition replicas of one Kafka cluster",
        False,
        lambda p, i: p.partition_replicas / i.of("partition_replicas_a_cluster"),
        "partition_replicas_a_cluster",
    ),
    Limit(
        "brokers of one Kafka cluster, old segments in an object store",
        False,
        lambda p, i: p.brokers_tiered / i.of("brokers_a_cluster"),
        "brokers_a_cluster",
    ),
    Limit(
        "brokers of one Kafka cluster, everything on brokers for the horizon",
        False,
        lambda p, i: p.brokers_for_ever / i.of("brokers_a_cluster"),
        "brokers_a_cluster",
    ),
    Limit(
        "nodes of one Cassandra cluster at the horizon",
        False,
        lambda p, i: p.cassandra_nodes / i.of("cassandra_nodes_a_cluster"),
        "cassandra_nodes_a_cluster",
    ),
    Limit(
        "nodes of one Redis Cluster",
        False,
        lambda p, i: p.redis_nodes / i.of("redis_nodes_a_cluster"),
        "redis_nodes_a_cluster",
    ),
)


def breaks(demand: Demand, inputs: Inputs) -> list[Break]:
    """Every limit by the users at which it is passed, fewest first."""
    at_demand = plan(demand, inputs)
    found = [
        Break(limit, users_at(limit, demand, inputs), limit.used(at_demand, inputs))
        for limit in LIMITS
    ]
    return sorted(found, key=lambda one: one.users)


def users_at(limit: Limit, demand: Demand, inputs: Inputs) -> float:
    """The most users with which a limit is kept; infinite when none passes it."""

    def is_passed(users: float) -> bool:
        return limit.used(plan(demand.scaled_to(users), inputs), inputs) > 1

    low, high = USERS_MIN, USERS_MIN
    while not is_passed(high):
        low, high = high, high * 2
        if high > USERS_MAX:
            return float("inf")
    if low == high:
        return 0.0
    while high - low > low / 1_000:
        middle = (low + high) / 2
        low, high = (low, middle) if is_passed(middle) else (middle, high)
    return low
