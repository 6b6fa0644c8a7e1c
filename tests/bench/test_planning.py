"""The capacity model: its numbers have sources, its figures follow, and this machine agrees."""

import json
import tomllib
from dataclasses import replace
from itertools import pairwise
from math import isinf
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.commands import Loaded
from bench.planning import measured
from bench.planning.cost import checks, line_of
from bench.planning.inputs import FILE, Inputs, load
from bench.planning.limits import LIMITS, breaks, users_at
from bench.planning.model import TARGET, Demand, Plan, plan
from bench.planning.page import page
from bench.planning.redis_memory import redis_bytes
from bench.planning.sizes import record_bytes
from bench.report import Report
from bench.scenarios.capacity import CapacityResult
from bench.scenarios.idle import IdleResult
from bench.scenarios.traffic import Traffic
from cli.__main__ import run
from edge.announcer import ALIVE_SECONDS
from events.topics import CO_PARTITIONED, CONVERSATIONS, PARTITIONS, SUBMISSIONS
from infra.errors import UserError
from infra.settings import EdgeSettings

INPUTS = load()
SMALL = Demand(users=1_000_000, messages_a_day=86_400_000, sockets=100_000)

demands = st.builds(
    Demand,
    users=st.floats(1e4, 1e10),
    messages_a_day=st.floats(1e4, 1e12),
    sockets=st.floats(1e2, 1e9),
)


def changed(**values: float) -> Inputs:
    """The inputs with other values."""
    named = {
        name: msgspec.structs.replace(getattr(INPUTS.inputs, name), value=value)
        for name, value in values.items()
    }
    return msgspec.structs.replace(INPUTS, inputs=msgspec.structs.replace(INPUTS.inputs, **named))


def written(tmp_path: Path, old: str, new: str) -> Path:
    """The data file with one place changed."""
    text = FILE.read_text()
    assert text.count(old) == 1, old
    file = tmp_path / "inputs.toml"
    file.write_text(text.replace(old, new))
    return file


# What this machine measured


def test_the_model_predicts_what_was_measured() -> None:
    found = checks(INPUTS)
    assert [check.what for check in found if not check.holds] == []
    unseen = [point for point in INPUTS.cost_points if not point.is_whole]
    assert unseen, "a point that the line was not drawn through"
    assert len(found) == len(INPUTS.cost_points) + 1


def test_a_model_that_is_wrong_is_told() -> None:
    assert not checks(changed(sustained_a_second=400))[-1].holds
    assert not checks(changed(machine_cores=16))[-1].holds


def test_points_that_make_no_sense_are_refused() -> None:
    first, second, third = INPUTS.cost_points
    dearer = msgspec.structs.replace(second, milliseconds=9.0)
    with pytest.raises(UserError, match="below nothing"):
        line_of(msgspec.structs.replace(INPUTS, cost_points=[first, dearer, third]))
    with pytest.raises(UserError, match="two rates"):
        line_of(msgspec.structs.replace(INPUTS, cost_points=[first, third, third]))


# Where numbers come from


SOCKET = 'unit = "KiB"\nkind = "measured"'
BROKER = 'kind = "limit"\nsource = "recommended for 16 cores and more: '
POINT = 'source = "`chatlog bench latency`, README"\n\n[[cost_points]]'
ALIVE = 'source = "`edge/announcer.py`, ALIVE_SECONDS"'

BAD = {
    "no source": (f'{SOCKET}\nsource = "`chatlog bench idle`, README"', SOCKET, "source"),
    "an empty source": (POINT, 'source = ""\n\n[[cost_points]]', "source"),
    "a limit without an address": (f"{BROKER}https:", f"{BROKER}see:", "address"),
    "a design without a file": (ALIVE, 'source = "as everybody knows"', "command or a file"),
    "another name": ("[inputs.peak_factor]", "[inputs.peak]", "peak"),
    "nothing of it": ("value = 15.6", "value = 0", "socket_kib"),
    "no TOML": ("value = 15.6", "value =", "cannot be used"),
}


@pytest.mark.parametrize(("old", "new", "told"), BAD.values(), ids=BAD)
def test_a_number_without_a_source_is_refused(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    with pytest.raises(UserError, match=told) as refused:
        load(written(tmp_path, old, new))
    assert refused.value.code == "bad_inputs"


def test_what_is_of_this_code_is_as_the_code_says() -> None:
    of = INPUTS.of
    assert of("partitions_built") == PARTITIONS
    assert of("keyed_topics") == len(CO_PARTITIONED)
    assert of("fact_readers") == len(CONVERSATIONS.consumers)
    assert of("sockets_a_gateway") == EdgeSettings().sockets_max
    assert of("alive_seconds") == ALIVE_SECONDS
    assert of("submission_days") == SUBMISSIONS.retention_ms / 86_400_000


def test_records_are_as_long_as_they_are_said_to_be() -> None:
    for name, count in record_bytes().items():
        assert count == pytest.approx(INPUTS.of(name), rel=0.02), name


def test_a_real_redis_takes_what_it_is_said_to_take() -> None:
    for name, count in redis_bytes().items():
        assert count == pytest.approx(INPUTS.of(name), rel=0.15), name


# What follows from them


def test_small_figures_can_be_followed_by_hand() -> None:
    found = plan(SMALL, changed(group_share=1e-9, peak_factor=2))
    assert found.mean_messages_a_second == 1_000
    assert found.peak_messages_a_second == 2_000
    assert found.recipients_a_message == pytest.approx(1)
    assert found.partitions == 8  # 250 a second in each
    assert found.gateways == 5  # 20,000 sockets in each
    each = 41 + 166 / 2 + 2 * 28
    assert found.redis_gib == pytest.approx((1e6 * 40 * each + 1e5 * 315) / 2**30)
    assert found.fact_bytes_a_day == pytest.approx(86.4e6 * (239 + 20 + 2 * (106 + 20)))
    # 1.9 ms a message at the measured cell's rate, 0.5 of 3.3 of it Cassandra's, three copies
    assert found.cassandra_cores == pytest.approx(2_000 * 1.9e-3 * 0.5 / 3.3 * 3, rel=0.01)


def test_deliveries_that_share_no_request_are_dearer() -> None:
    few = plan(replace(SMALL, sockets=1_000), INPUTS)
    many = plan(replace(SMALL, sockets=1_000), changed(sockets_a_gateway=10))
    assert few.records_a_delivery_request > 1 > many.records_a_delivery_request
    routed = 1 + 3 * 0.001 + 6 * 0.001  # the sender, three recipients, six receipts; one in 1,000
    alone = 2_000 * routed * (1 - many.records_a_delivery_request)
    assert many.kafka_cores - few.kafka_cores == pytest.approx(alone * 429e-6)
    assert many.worker_cores > few.worker_cores


def needs(found: Plan) -> list[float]:
    return [
        found.brokers_tiered,
        found.brokers_for_ever,
        found.cassandra_nodes,
        found.redis_nodes,
        found.gateways,
        found.partitions,
        found.worker_processes,
        found.all_dollars_a_month,
    ]


@given(demands, st.floats(1, 1_000))
def test_more_people_never_need_less(demand: Demand, factor: float) -> None:
    before, after = (
        needs(plan(demand, INPUTS)),
        needs(plan(demand.scaled_to(demand.users * factor), INPUTS)),
    )
    assert all(more >= less * (1 - 1e-9) for less, more in zip(before, after, strict=True))


@given(demands)
def test_three_copies_need_three_machines(demand: Demand) -> None:
    found = plan(demand, INPUTS)
    assert min(found.brokers_tiered, found.brokers_for_ever, found.cassandra_nodes) >= 3
    assert found.brokers_for_ever >= found.brokers_tiered or found.brokers_because != "disk"


# Which number breaks first


def test_limits_are_in_the_order_in_which_they_break() -> None:
    found = breaks(TARGET, INPUTS)
    assert len(found) == len(LIMITS)
    assert all(one.users <= other.users for one, other in pairwise(found))


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)
def test_a_limit_is_kept_just_before_it_breaks_and_not_after(limit) -> None:
    users = users_at(limit, TARGET, INPUTS)

    def used(count: float) -> float:
        return limit.used(plan(TARGET.scaled_to(count), INPUTS), INPUTS)

    assert not isinf(users)
    assert used(users) <= 1 < used(users * 1.01)


def test_a_limit_that_is_raised_breaks_later() -> None:
    raised = changed(cassandra_nodes_a_cluster=2_000)
    (limit,) = [one for one in LIMITS if one.bound_by == "cassandra_nodes_a_cluster"]
    twice = users_at(limit, TARGET, raised) / users_at(limit, TARGET, INPUTS)
    assert twice == pytest.approx(2, rel=0.01)


def test_every_limit_names_the_number_that_bounds_it() -> None:
    assert {limit.bound_by for limit in LIMITS} <= INPUTS.all().keys()
    for limit in LIMITS:
        if not limit.of_this_code:
            assert INPUTS.all()[limit.bound_by].kind == "limit"


# How it is told


def test_the_page_names_every_input_and_its_source() -> None:
    text = page(TARGET, INPUTS)
    for name, one in INPUTS.all().items():
        assert f"`{name}`" in text
        assert one.source in text


def test_the_command_tells_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["capacity", "--users", "1000000", "--sockets", "20000", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["plan"]["demand"]["messages_a_day"] == 50_000_000
    assert told["plan"]["gateways"] == 2  # the sockets fit into one, their messages do not
    assert {one["limit"] for one in told["breaks"]} == {limit.name for limit in LIMITS}


def test_the_command_fails_when_the_model_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, 'value = 2\nunit = "cores"', 'value = 32\nunit = "cores"')
    assert run(["capacity", "--inputs", str(file)]) == 1
    assert "**missed**" in capsys.readouterr().out


def test_nobody_is_no_demand(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["capacity", "--users", "0"]) == 2


# New measurements


def step(rate: float, milliseconds: float, caught_up: float | None) -> Traffic:
    quantiles = {"count": 9, "p50_ms": 5.0, "p90_ms": 9.0, "p99_ms": 20.0, "max_ms": 99.0}
    stages = ("accepted", "delivered", "delivered_tick", "read_tick")
    spent = {"kafka": 0.3, "worker-1": 0.2, "worker-2": 0.1, "cassandra": 0.15}
    spent |= {"gateway-1": 0.15, "load": 0.05, "redis": 0.03, "registry": 0.02, "total": 1.0}
    return Traffic(
        offered_per_second=rate,
        loaded=Loaded(
            messages=10,
            measured_messages=9,
            latencies=dict.fromkeys(stages, quantiles),
            late=quantiles,
            missing=dict.fromkeys(stages, 0),
            doubled=0,
            reordered=0,
            gaps=0,
            problems={},
            settled_after_seconds=0.1,
        ),
        throughput_per_second=rate,
        cpu_microseconds_a_message={
            who: share * milliseconds * 1_000 for who, share in spent.items()
        },
        others_cores=0.0,
        resident_mib={},
        lag_at_end={},
        caught_up_after_seconds=caught_up,
    )


def test_a_report_becomes_lines_of_the_data_file(tmp_path: Path) -> None:
    report = Report(
        measured_at="2026-11-21T12:00:00Z",
        machine="2 cores",
        gateways=1,
        workers="split",
        results=[
            CapacityResult(
                pairs=10,
                steps=[step(600, 2.5, 0.5), step(1_200, 1.5, 0.5), step(1_800, 1.1, None)],
                sustained_per_second=1_200,
                jitter_before=0,
                jitter_after=0,
            ),
            IdleResult(
                sockets=1_000,
                connected_seconds=2.0,
                baseline_mib=80.0,
                connected_mib=95.0,
                held_mib=95.0,
                kib_a_socket=15.0,
                cpu_microseconds_a_socket_and_second={"gateway-1": 5.0},
                ended=0,
            ),
        ],
        bars=[],
        disturbances=[],
    )
    text = "\n".join(measured.lines(report))
    values, _, points = text.partition("\n\n")
    assert tomllib.loads(values) == {
        "sustained_a_second": 1_200,
        "socket_kib": 15,
        "socket_microseconds_a_second": 5,
        "connect_milliseconds": 4,
        "gateway_base_mib": 80,
    }
    rest = FILE.read_text()
    file = tmp_path / "inputs.toml"
    file.write_text(points + "\n\n" + rest[rest.index("[inputs.sustained_a_second]") :])
    read = load(file)
    assert [point.is_whole for point in read.cost_points] == [True, True, False]
    assert read.components.workers == pytest.approx(0.3 * 2.5)
    assert line_of(read).milliseconds_at(600) == pytest.approx(2.5, rel=0.01)
