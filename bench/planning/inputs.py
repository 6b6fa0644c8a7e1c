"""The numbers of the model, and where each comes from.

In: a TOML file, by default `inputs.toml`. Out: frozen values, or a UserError that names the number
that is missing, unknown or without a source. A limit or a price without an address is refused, as
is a measured one without the command that measured it.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from infra.errors import UserError

FILE = Path(__file__).parent / "inputs.toml"

Kind = Literal["measured", "design", "limit", "price", "assumption"]
Positive = Annotated[float, Meta(gt=0)]
Source = Annotated[str, Meta(min_length=10)]


class Input(Struct, frozen=True, forbid_unknown_fields=True):
    """One number."""

    value: Positive
    unit: str
    kind: Kind
    source: Source

    def __post_init__(self) -> None:
        if self.kind in ("limit", "price") and "https://" not in self.source:
            raise ValueError(f"the source of a {self.kind} needs an address")
        if self.kind in ("measured", "design") and "`" not in self.source:
            raise ValueError(f"the source of what is {self.kind} needs a command or a file")


class CostPoint(Struct, frozen=True, forbid_unknown_fields=True):
    """What a message cost at a rate, everything included."""

    messages_a_second: Positive
    milliseconds: Positive
    is_whole: bool
    """Whether nothing was left undone: then the model is drawn through it."""
    source: Source


class Components(Struct, frozen=True, forbid_unknown_fields=True):
    """Who spent it, in milliseconds, at the first cost point. `load` is no part of a service."""

    kafka: Positive
    workers: Positive
    cassandra: Positive
    gateway: Positive
    load: Positive
    redis: Positive
    source: Source


class Named(Struct, frozen=True, forbid_unknown_fields=True):
    """Every single number."""

    sustained_a_second: Input
    machine_cores: Input
    socket_kib: Input
    socket_microseconds_a_second: Input
    connect_milliseconds: Input
    gateway_base_mib: Input
    submission_bytes: Input
    fact_bytes: Input
    marker_bytes: Input
    move_bytes: Input
    message_delivery_bytes: Input
    receipt_delivery_bytes: Input
    message_frame_bytes: Input
    receipt_frame_bytes: Input
    redis_head_bytes: Input
    redis_marker_bytes: Input
    redis_membership_bytes: Input
    redis_session_bytes: Input
    partitions_built: Input
    keyed_topics: Input
    fact_readers: Input
    sockets_a_gateway: Input
    alive_seconds: Input
    submission_days: Input
    copies: Input
    partition_replicas_a_broker: Input
    partition_replicas_a_cluster: Input
    brokers_a_cluster: Input
    cassandra_nodes_a_cluster: Input
    cassandra_node_tb: Input
    redis_nodes_a_cluster: Input
    core_dollars_an_hour: Input
    disk_dollars_a_gb_month: Input
    object_dollars_a_gb_month: Input
    zone_dollars_a_gb: Input
    internet_dollars_a_gb: Input
    peak_factor: Input
    utilisation_max: Input
    group_share: Input
    group_members: Input
    receipts_a_recipient: Input
    conversations_a_user: Input
    session_seconds: Input
    kafka_delivery_share: Input
    workers_delivery_share: Input
    cassandra_delivery_share: Input
    gateway_delivery_share: Input
    kafka_copy_share: Input
    record_overhead_bytes: Input
    timeline_row_bytes: Input
    move_row_bytes: Input
    lone_record_kafka_microseconds: Input
    lone_record_client_microseconds: Input
    gather_milliseconds: Input
    kept_days: Input
    hot_days: Input
    machine_cores_planned: Input
    machine_network_gbit: Input
    broker_disk_tb: Input
    redis_node_gib: Input
    redis_copies: Input
    largest_server_gib: Input


class Inputs(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    cost_points: Annotated[list[CostPoint], Meta(min_length=3)]
    components: Components
    inputs: Named

    def of(self, name: str) -> float:
        """A number by its name."""
        found: Input = getattr(self.inputs, name)
        return found.value

    def all(self) -> dict[str, Input]:
        """Every single number, by name, in the order of `Named`."""
        return {name: getattr(self.inputs, name) for name in Named.__struct_fields__}


def load(file: Path = FILE) -> Inputs:
    """Read a data file. Raises UserError."""
    try:
        return msgspec.convert(tomllib.loads(file.read_text("utf-8")), Inputs)
    except (OSError, ValueError, msgspec.ValidationError) as error:
        raise UserError(
            "bad_inputs",
            f"{file} cannot be used: {error}.",
            "Every number has a value, a unit, a kind and a source; bench/planning/inputs.toml "
            "is an example.",
        ) from error
