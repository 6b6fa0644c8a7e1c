"""How the model is told: a page of tables, the same in a terminal and in docs/capacity.md. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from math import isinf

from bench.planning.cost import Check, checks, line_of
from bench.planning.inputs import Inputs
from bench.planning.limits import Break, breaks
from bench.planning.model import Demand, Plan, plan

_ABOUT = """\
Made by `chatlog capacity`; a test fails when it is not current. Every number that it starts from is
in `bench/planning/inputs.toml` with its source, and below. It is a model: what was measured on two
cores, multiplied. Where it had to assume, it says so; `--inputs` takes other numbers."""

_ON_LIMITS = """\
A limit of this code is met by changing the code (or, for partitions, by choosing them before the
first start). A limit of a cluster is met by more clusters; nothing here divides users over clusters
yet."""

_NOT_IN_IT = (
    "Calls, pictures and files: there are none here.",
    "Reading history: pages are asked for by people, and nobody measured how often.",
    "More than one region, and the way between independent clusters: neither is built.",
    "People's salaries, discounts, taxes; a cloud's list price is the dearest way to run this.",
)


def page(demand: Demand, inputs: Inputs) -> str:
    """The whole, in Markdown."""
    planned, broken = plan(demand, inputs), breaks(demand, inputs)
    line = line_of(inputs)
    sections = [
        "# Capacity and cost",
        _ABOUT,
        f"## For {_count(demand.users)} users, {_count(demand.messages_a_day)} messages a day, "
        f"{_count(demand.sockets)} sockets",
        _table(("what", "how much", "why"), _rows(planned, inputs)),
        "## Which number breaks first",
        _first(broken),
        _table(("kept up to, users", "at this demand", "limit", "whose"), _broken(broken)),
        _ON_LIMITS,
        "## Dollars a month",
        _table(("for", "$"), _dollars(planned)),
        "## Checked against what was measured",
        f"CPU of everything on the measured machine is {line.cores:.2f} cores, whatever the rate, "
        f"and {line.milliseconds:.2f} ms for each message.",
        _table(("what", "model", "measured", "factor", "at most"), _checked(checks(inputs))),
        "## What is not in it",
        "\n".join(f"- {sentence}" for sentence in _NOT_IN_IT),
        "## Inputs",
        _table(("input", "value", "unit", "kind", "source"), _inputs(inputs)),
    ]
    return "\n\n".join(sections) + "\n"


def as_json(demand: Demand, inputs: Inputs) -> dict[str, object]:
    """The same for programs; a limit that is never passed has no users."""
    planned = plan(demand, inputs)
    return {
        "plan": {**asdict(planned), "all_dollars_a_month": planned.all_dollars_a_month},
        "breaks": [
            {
                "limit": one.limit.name,
                "of_this_code": one.limit.of_this_code,
                "users": None if isinf(one.users) else round(one.users),
                "used_at_demand": one.used_at_demand,
                "bound_by": one.limit.bound_by,
            }
            for one in breaks(demand, inputs)
        ],
        "checks": [
            {**asdict(one), "factor": one.factor, "holds": one.holds} for one in checks(inputs)
        ],
    }


def _rows(p: Plan, inputs: Inputs) -> Iterator[tuple[str, str, str]]:
    of = inputs.of
    yield (
        "messages a second",
        f"{_count(p.mean_messages_a_second)}; {_count(p.peak_messages_a_second)} at peak",
        f"peak factor {of('peak_factor'):g}",
    )
    yield (
        "recipients of a message",
        f"{p.recipients_a_message:g}",
        f"{of('group_share'):.0%} go to groups of {of('group_members'):g}",
    )
    yield (
        "partitions of each of four topics",
        _count(p.partitions),
        f"{of('sustained_a_second') / of('partitions_built'):g} messages a second in each, as "
        "measured; what one could do at most was not",
    )
    yield (
        "delivery topics",
        _count(p.gateways),
        f"one a gateway, {_count(of('sockets_a_gateway'))} sockets each at most",
    )
    yield (
        "partition replicas",
        _count(p.partition_replicas),
        f"{of('copies'):g} copies of all of them",
    )
    yield (
        "records that share a request to a gateway's topic",
        f"{p.records_a_delivery_request:.2g}",
        "below 1 each delivery is a request of its own; its cost is counted",
    )
    yield (
        "brokers, old segments in an object store",
        _count(p.brokers_tiered),
        f"{p.brokers_because}: {_count(p.kafka_cores)} cores of work, "
        f"{_bytes(p.broker_bytes_a_second)}/s, {_bytes(p.broker_disk_tb * 1e12)} on disks",
    )
    yield (
        "brokers, everything on them",
        _count(p.brokers_for_ever),
        f"{p.brokers_for_ever_because}: {of('kept_days'):g} days of facts, and as many each "
        "further year",
    )
    yield (
        "object store",
        _bytes(p.object_store_tb * 1e12),
        f"{_bytes(p.fact_bytes_a_day)} of facts a day for {of('kept_days'):g} days",
    )
    yield (
        "Cassandra nodes",
        _count(p.cassandra_nodes),
        f"{p.cassandra_because}: {_bytes(p.cassandra_tb * 1e12)} with copies after "
        f"{of('kept_days'):g} days, {_count(p.cassandra_cores)} cores of work",
    )
    yield (
        "Redis nodes",
        _count(p.redis_nodes),
        f"{_bytes(p.redis_gib * 2**30)} of heads, markers, memberships and sessions, twice",
    )
    yield (
        "worker processes",
        _count(p.worker_processes),
        f"a partition each at least; {_count(p.worker_cores)} cores of work",
    )
    yield ("gateways", _count(p.gateways), f"{_count(p.gateway_cores)} cores of work")
    yield (
        "sessions opened a second",
        _count(p.sessions_opened_a_second),
        f"a socket lives {of('session_seconds') / 60:g} minutes",
    )
    yield (
        "gateways' signs of life a second",
        _count(p.gateway_beats_a_second),
        f"each every {of('alive_seconds'):g} s, read by every sessions worker's group",
    )
    yield ("schema registry", "1", "asked at deployments only: ids come from a file")
    yield (
        "network",
        f"{_bytes(p.broker_bytes_a_second)}/s through brokers at peak",
        f"{_bytes(p.zone_bytes_a_second)}/s between zones and "
        f"{_bytes(p.internet_bytes_a_second)}/s to the internet in the mean",
    )


def _first(broken: Sequence[Break]) -> str:
    code = next(one for one in broken if one.limit.of_this_code)
    parts = next(one for one in broken if not one.limit.of_this_code)
    return (
        f"As it is built: **{code.limit.name}**, at {_count(code.users)} users. With that changed, "
        f"of one cluster of each part: **{parts.limit.name}**, at {_count(parts.users)} users."
    )


def _broken(broken: Iterable[Break]) -> Iterator[tuple[str, ...]]:
    for one in broken:
        users = "never" if isinf(one.users) else _count(one.users)
        whose = "this code" if one.limit.of_this_code else "a cluster"
        used = f"{one.used_at_demand:,.{0 if one.used_at_demand >= 10 else 2}f} times"
        yield users, used, one.limit.name, whose


def _dollars(p: Plan) -> Iterator[tuple[str, str]]:
    for name, dollars in sorted(p.dollars_a_month.items(), key=lambda item: -item[1]):
        yield name, f"{dollars:,.0f}"
    yield "**all**", f"**{p.all_dollars_a_month:,.0f}**"
    yield "a user", f"{p.all_dollars_a_month / p.demand.users:.4f}"


def _checked(found: Iterable[Check]) -> Iterator[tuple[str, ...]]:
    for one in found:
        yield (
            one.what,
            f"{one.predicted:,g}",
            f"{one.measured:,g}",
            f"{one.factor:.2f}",
            f"{one.factor_max:g}{'' if one.holds else ': **missed**'}",
        )


def _inputs(inputs: Inputs) -> Iterator[tuple[str, ...]]:
    for point in inputs.cost_points:
        name = f"CPU a message at {point.messages_a_second:,g}/s"
        yield name, f"{point.milliseconds:g}", "ms", "measured", point.source
    for part in ("kafka", "workers", "cassandra", "gateway", "load", "redis"):
        value = f"{getattr(inputs.components, part):g}"
        yield f"of which {part}", value, "ms", "measured", inputs.components.source
    for name, one in inputs.all().items():
        yield f"`{name}`", f"{one.value:,g}", one.unit, one.kind, one.source


def _count(number: float) -> str:
    for size, word in ((1e9, " billion"), (1e6, " million")):
        if number >= size:
            return f"{number / size:,.3g}{word}"
    return f"{number:,.0f}"


def _bytes(number: float) -> str:
    for size, word in ((1e15, "PB"), (1e12, "TB"), (1e9, "GB"), (1e6, "MB")):
        if number >= size:
            return f"{number / size:,.3g} {word}"
    return f"{number:,.0f} bytes"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
    lines += ("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)
    return "\n".join(lines)
