"""How much of everything a demand needs. Pure.

In: users, messages a day, sockets, and the inputs. Out: a plan, each figure with its unit in its
name. It assumes no more than was measured: the work is done by many cells, each as busy as the one
that was measured at its highest sustained rate, so batches are never larger than they were here.
Where they must be smaller, that is counted: with many gateways, each a topic of its own, a delivery
is a request of its own. What a further recipient of a message, a follower of a partition or a copy
of a row costs is assumed, and marked so in the inputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from bench.planning.cost import line_of
from bench.planning.inputs import Inputs

_DAY = 86_400
_MONTH_HOURS = 730
_MONTH_DAYS = _MONTH_HOURS / 24
_GIB = 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What people do."""

    users: float
    messages_a_day: float
    sockets: float

    def scaled_to(self, users: float) -> Demand:
        """The same people, but so many."""
        factor = users / self.users
        return Demand(
            users=users,
            messages_a_day=self.messages_a_day * factor,
            sockets=self.sockets * factor,
        )


TARGET = Demand(users=2e9, messages_a_day=100e9, sockets=500e6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What it takes."""

    demand: Demand
    mean_messages_a_second: float
    peak_messages_a_second: float
    recipients_a_message: float
    milliseconds_a_message: float
    kafka_cores: float
    worker_cores: float
    cassandra_cores: float
    gateway_cores: float
    redis_cores: float
    partitions: int
    gateways: int
    partition_replicas: int
    produced_bytes_a_message: float
    broker_bytes_a_second: float
    fact_bytes_a_day: float
    brokers_tiered: int
    brokers_for_ever: int
    brokers_because: str
    brokers_for_ever_because: str
    object_store_tb: float
    broker_disk_tb: float
    cassandra_nodes: int
    cassandra_because: str
    cassandra_tb: float
    redis_gib: float
    redis_nodes: int
    worker_processes: int
    sessions_opened_a_second: float
    gateway_beats_a_second: float
    records_a_delivery_request: float
    internet_bytes_a_second: float
    zone_bytes_a_second: float
    dollars_a_month: dict[str, float]

    @property
    def all_dollars_a_month(self) -> float:
        """The whole."""
        return sum(self.dollars_a_month.values())


def plan(demand: Demand, inputs: Inputs) -> Plan:
    """What a demand takes."""
    of, parts = inputs.of, inputs.components
    mean = demand.messages_a_day / _DAY
    peak = mean * of("peak_factor")
    recipients = 1 + of("group_share") * (of("group_members") - 2)
    online = min(1.0, demand.sockets / demand.users)
    use, copies, machine = of("utilisation_max"), of("copies"), of("machine_cores_planned")

    # Records to gateways: of a message for those who are online, of receipts likewise.
    moves = recipients * of("receipts_a_recipient")
    live = 1 + recipients * online  # the sender's own device is told, too
    routed = live + moves * online

    # CPU, at peak. Each part's share is as it was at the first cost point.
    first = inputs.cost_points[0].milliseconds
    whole = line_of(inputs).milliseconds_at(of("sustained_a_second"))

    def cores(milliseconds: float, delivery_share: float) -> float:
        further = 1 + delivery_share * (recipients - 1)
        return peak * whole * milliseconds / first * further / 1_000

    opened = demand.sockets / of("session_seconds")
    kafka = cores(parts.kafka, of("kafka_delivery_share"))
    kafka *= 1 + of("kafka_copy_share") * (copies - 1)
    workers = cores(parts.workers, of("workers_delivery_share"))
    cassandra = cores(parts.cassandra, of("cassandra_delivery_share")) * copies
    redis = cores(parts.redis, of("workers_delivery_share"))
    gateway = cores(parts.gateway, of("gateway_delivery_share"))
    gateway += demand.sockets * of("socket_microseconds_a_second") / 1e6
    gateway += opened * of("connect_milliseconds") / 1_000

    # A worker's records spread over all gateways: few or none share a request.
    gateways = max(1, ceil(demand.sockets / of("sockets_a_gateway")), ceil(gateway / use))
    gathered = of("sustained_a_second") * routed * of("gather_milliseconds") / 1_000 / gateways
    alone = peak * routed * max(0.0, 1 - gathered) / 1e6
    kafka += alone * of("lone_record_kafka_microseconds")
    workers += alone * of("lone_record_client_microseconds") / 2
    gateway += alone * of("lone_record_client_microseconds") / 2
    gateways = max(gateways, ceil(gateway / use))  # one core is all that a gateway uses

    # Bytes. Deliveries go to those who are online; receipts come from everybody, sooner or later.
    once = of("submission_bytes") + of("fact_bytes") + of("record_overhead_bytes") * 2
    markers = moves * (of("marker_bytes") + of("record_overhead_bytes"))
    moved = moves * (of("move_bytes") + of("record_overhead_bytes"))
    delivered = live * (of("message_delivery_bytes") + of("record_overhead_bytes"))
    told = moves * online * (of("receipt_delivery_bytes") + of("record_overhead_bytes"))
    kept = of("fact_bytes") + of("record_overhead_bytes") + moved
    produced = once + markers + moved + delivered + told
    consumed = produced + kept * (of("fact_readers") - 1)
    broker_bytes = peak * (produced * copies + consumed + produced * (copies - 1))
    facts_a_day = demand.messages_a_day * kept
    short = demand.messages_a_day * of("submission_days") * (produced - kept)
    hot_tb = copies * (facts_a_day * min(of("hot_days"), of("kept_days")) + short) / 1e12
    ever_tb = copies * (facts_a_day * of("kept_days") + short) / 1e12
    rows = of("timeline_row_bytes") + moves * of("move_row_bytes")
    cassandra_tb = copies * demand.messages_a_day * of("kept_days") * rows / 1e12

    # Partitions.
    partition_rate = of("sustained_a_second") / of("partitions_built")
    partitions = max(1, ceil(peak / partition_rate))
    by_user = 3 * max(1, ceil(opened * 2 / partition_rate))
    replicas = ceil(copies * (of("keyed_topics") * partitions + by_user + gateways))

    network = of("machine_network_gbit") * 1e9 / 8 * use
    log = {
        "CPU": kafka / (machine * use),
        "network": broker_bytes / network,
        "partitions": replicas / of("partition_replicas_a_broker"),
    }
    tiered = {**log, "disk": hot_tb / of("broker_disk_tb")}
    ever = {**log, "disk": ever_tb / of("broker_disk_tb")}
    nodes = {
        "CPU": cassandra / (machine * use),
        "disk": cassandra_tb / of("cassandra_node_tb"),
    }
    redis_gib = _redis_bytes(demand, inputs) / _GIB
    redis_masters = max(redis_gib / of("redis_node_gib"), redis / use)

    brokers = max(ceil(copies), ceil(max(tiered.values())))
    cassandra_nodes = max(ceil(copies), ceil(max(nodes.values())))
    redis_nodes = ceil(max(1.0, redis_masters)) * ceil(of("redis_copies"))
    worker_processes = max(partitions, ceil(workers / use))
    frames = live * of("message_frame_bytes") + moves * online * of("receipt_frame_bytes")
    internet = mean * frames
    zone = mean * (produced * (copies - 1) + (produced + consumed) * 2 / 3)

    gateway_gib = (
        demand.sockets * of("socket_kib") * 1_024 + gateways * of("gateway_base_mib") * 2**20
    ) / _GIB
    core_month = of("core_dollars_an_hour") * _MONTH_HOURS
    gb_month = _MONTH_DAYS * _DAY / 1e9
    broker_disk = hot_tb
    dollars = {
        "brokers": brokers * machine * core_month,
        "disks of brokers": broker_disk * 1e3 * of("disk_dollars_a_gb_month"),
        "object store": facts_a_day * of("kept_days") / 1e9 * of("object_dollars_a_gb_month"),
        "Cassandra": cassandra_nodes * machine * core_month,
        "disks of Cassandra": cassandra_tb * 1e3 * of("disk_dollars_a_gb_month"),
        "Redis": redis_nodes * machine * core_month,
        "workers": workers / use * core_month,
        "gateways": max(gateway / use, gateway_gib / 4) * core_month,
        "between zones": zone * gb_month * of("zone_dollars_a_gb"),
        "to the internet": internet * gb_month * of("internet_dollars_a_gb"),
    }
    return Plan(
        demand=demand,
        mean_messages_a_second=mean,
        peak_messages_a_second=peak,
        recipients_a_message=recipients,
        milliseconds_a_message=whole,
        kafka_cores=kafka,
        worker_cores=workers,
        cassandra_cores=cassandra,
        gateway_cores=gateway,
        redis_cores=redis,
        partitions=partitions,
        gateways=gateways,
        partition_replicas=replicas,
        produced_bytes_a_message=produced,
        broker_bytes_a_second=broker_bytes,
        fact_bytes_a_day=facts_a_day,
        brokers_tiered=brokers,
        brokers_for_ever=max(ceil(copies), ceil(max(ever.values()))),
        brokers_because=_largest(tiered),
        brokers_for_ever_because=_largest(ever),
        object_store_tb=facts_a_day * of("kept_days") / 1e12,
        broker_disk_tb=broker_disk,
        cassandra_nodes=cassandra_nodes,
        cassandra_because=_largest(nodes),
        cassandra_tb=cassandra_tb,
        redis_gib=redis_gib,
        redis_nodes=redis_nodes,
        worker_processes=worker_processes,
        sessions_opened_a_second=opened,
        gateway_beats_a_second=gateways / of("alive_seconds"),
        records_a_delivery_request=gathered,
        internet_bytes_a_second=internet,
        zone_bytes_a_second=zone,
        dollars_a_month=dollars,
    )


def _redis_bytes(demand: Demand, inputs: Inputs) -> float:
    """Of direct conversations: each is two people's, each has two markers in it."""
    of = inputs.of
    one = of("redis_membership_bytes") + of("redis_head_bytes") / 2 + 2 * of("redis_marker_bytes")
    held = demand.users * of("conversations_a_user") * one
    return held + demand.sockets * of("redis_session_bytes")


def _largest(needs: dict[str, float]) -> str:
    return max(needs, key=lambda name: needs[name])
