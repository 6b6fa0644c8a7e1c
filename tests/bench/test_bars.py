import msgspec
import pytest
from rich.console import Console

from bench.bars import Result, bars
from bench.commands import Loaded
from bench.cost import Mark, spent
from bench.pace import schedule
from bench.report import Report, report, show
from bench.scenarios.capacity import CapacityResult, is_sustained
from bench.scenarios.idle import IdleResult
from bench.scenarios.latency import LatencyResult
from bench.scenarios.overload import OverloadResult
from bench.scenarios.restart import RestartResult, Start
from bench.scenarios.traffic import Traffic
from bench.world import Workers
from events.topics import GROUPS

STAGES = ("accepted", "delivered", "delivered_tick", "read_tick")


def traffic(p50_ms=5.0, p99_ms=20.0, lost=0, caught_up=0.5, others=0.0, behind=3) -> Traffic:
    quantiles = {"count": 9, "p50_ms": p50_ms, "p90_ms": 9.0, "p99_ms": p99_ms, "max_ms": 99.0}
    loaded = Loaded(
        messages=10,
        measured_messages=9,
        latencies=dict.fromkeys(STAGES, quantiles),
        late=quantiles,
        missing={**dict.fromkeys(STAGES, 0), "read_tick": lost},
        doubled=0,
        reordered=0,
        gaps=0,
        problems={},
        settled_after_seconds=0.1,
    )
    return Traffic(
        offered_per_second=500.0,
        loaded=loaded,
        throughput_per_second=499.0,
        cpu_microseconds_a_message={"gateway-1": 90.0, "total": 90.0},
        others_cores=others,
        resident_mib={"gateway-1": 60.0},
        lag_at_end={"history": behind},
        caught_up_after_seconds=caught_up,
    )


def latency(**kwargs) -> LatencyResult:
    return LatencyResult(
        pairs=1, traffic=traffic(**kwargs), jitter_before=0.01, jitter_after=0.2
    )  # fmt: skip


def restart(seconds: float) -> RestartResult:
    start = Start(
        first_decision_seconds=seconds,
        last_partition_seconds=seconds,
        cpu_seconds=1.0,
        resident_mib=100.0,
    )
    return RestartResult(
        facts=10, writing_seconds=1.0,
        without_snapshots=start, with_snapshots=start, after_kill=start,
    )  # fmt: skip


def idle(kib: float) -> IdleResult:
    return IdleResult(
        sockets=10, connected_seconds=1.0, baseline_mib=1.0, connected_mib=2.0, held_mib=2.0,
        kib_a_socket=kib, cpu_microseconds_a_socket_and_second={"gateway-1": 1.0}, ended=0,
    )  # fmt: skip


def capacity(sustained: float) -> CapacityResult:
    return CapacityResult(
        pairs=1, steps=[traffic()], sustained_per_second=sustained,
        jitter_before=0.0, jitter_after=0.0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("result", "met"),
    [
        (latency(), [True, True, True, True]),
        (latency(p50_ms=6.1), [False, True, True, True]),
        (latency(p50_ms=8.1), [False, False, True, True]),
        (latency(p99_ms=30.1), [True, True, False, True]),
        (latency(lost=1), [True, True, True, False]),
        (capacity(2_500.0), [True]),
        (capacity(2_499.0), [False]),
        (idle(30.0), [True, True]),
        (idle(30.1), [False, True]),
        (restart(10.0), [True, True]),
        (restart(10.1), [False, False]),
    ],
)
def test_a_bar_is_met_or_missed(result: Result, met: list[bool]):
    assert [bar.met for bar in bars(result)] == met


def test_a_step_that_is_slow_or_behind_or_loses_is_not_sustained():
    assert is_sustained(traffic())
    assert not is_sustained(traffic(lost=1))
    assert not is_sustained(traffic(caught_up=None))
    assert is_sustained(traffic(behind=1_500))
    assert not is_sustained(traffic(behind=1_501))
    assert not is_sustained(traffic(p99_ms=501.0))


def test_a_report_says_all_of_it_and_survives_json():
    told = report(1, "split", [latency(others=0.5), capacity(2_600.0), idle(20.0), restart(3.0)])
    again = msgspec.json.decode(msgspec.json.encode(told), type=Report)
    assert again == told
    assert told.all_met
    console = Console(record=True, width=160, file=open("/dev/null", "w"))  # noqa: SIM115
    show(told, console)
    said = console.export_text()
    for words in ("accepted", "gateway-1 90", "lost 20%", "0.50 of the cores", "without snapshots"):
        assert words in said


def test_a_schedule_keeps_the_rate_and_is_decided_by_its_seed():
    messages = list(schedule(7, rate=1_000, seconds=20, senders=10))
    assert messages == list(schedule(7, rate=1_000, seconds=20, senders=10))
    assert 19_000 < len(messages) < 21_000
    assert {who for _, who in messages} == set(range(10))
    dues = [due for due, _ in messages]
    assert dues == sorted(dues)
    assert dues[-1] < 20


def test_what_others_took_is_what_the_machine_spent_less_what_we_did():
    begin = Mark(at=10.0, cpu_seconds={"a": 1.0, "b": 5.0}, machine_seconds=100.0)
    end = Mark(at=12.0, cpu_seconds={"a": 1.5, "b": 5.5}, machine_seconds=103.0)
    cost = spent(begin, end)
    assert cost.cpu_seconds == {"a": 0.5, "b": 0.5}
    assert cost.others_cores == 1.0
    each = {"a": 500.0, "b": 500.0, "total": 1000.0}
    assert cost.microseconds_a_message(1_000) == each


@pytest.mark.parametrize("workers", list(Workers))
def test_every_role_runs_once_however_roles_share_processes(workers: Workers):
    assert sorted(role for roles in workers.processes() for role in roles) == sorted(GROUPS)


def test_goodput_that_falls_between_the_peak_and_the_end_counts():
    def step(per_second: float) -> Traffic:
        return msgspec.structs.replace(traffic(), throughput_per_second=per_second)

    def share(*delivered: float) -> float:
        steps = [step(one) for one in delivered]
        return OverloadResult(
            calm=traffic(), steps=steps, recovered=traffic(), jitter_before=0.0, jitter_after=0.0
        ).worst_share

    assert share(100.0, 200.0, 180.0) == 0.9
    assert share(100.0, 200.0, 20.0, 180.0) == 0.1
    assert share(20.0, 100.0) == 1.0  # before the peak it is not overload
