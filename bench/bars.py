"""What the benchmarks must reach on two cores, stack and load on the same machine. Pure.

In: results. Out: each bar with what was measured and whether it was met.
"""

from collections.abc import Iterator

from msgspec import Struct

from bench.scenarios.capacity import CapacityResult
from bench.scenarios.edge import EdgeResult
from bench.scenarios.idle import IdleResult
from bench.scenarios.latency import LatencyResult
from bench.scenarios.overload import OverloadResult
from bench.scenarios.reconnect import ReconnectResult
from bench.scenarios.restart import RestartResult
from bench.scenarios.storm import StormResult

Result = (
    LatencyResult
    | CapacityResult
    | IdleResult
    | RestartResult
    | ReconnectResult
    | StormResult
    | OverloadResult
)

ACCEPTED_P50_MS_MAX = 6.0
DELIVERED_P50_MS_MAX = 8.0
DELIVERED_P99_MS_MAX = 30.0
SUSTAINED_PER_SECOND_MIN = 2_500.0
KIB_A_SOCKET_MAX = 30.0
RESTART_SECONDS_MAX = 10.0
RECONNECT_SECONDS_MAX = 20.0
STORM_SLOWER_MAX = 3.0
OVERLOAD_SHARE_MIN = 0.8
OVERLOAD_P99_MS_MAX = 5_000.0
RECOVERED_TIMES_MAX = 2.0
FRAME_MICROSECONDS_MAX = 25.0
EDGE_KIB_A_SOCKET_MAX = 20.0


class Bar(Struct, frozen=True):
    """One bar."""

    what: str
    wanted: str
    measured: str
    met: bool


def bars(result: Result | EdgeResult) -> Iterator[Bar]:
    """The bars that a result is measured by."""
    match result:
        case LatencyResult():
            yield from _latency(result)
        case CapacityResult():
            sustained = result.sustained_per_second
            yield _at_least(
                "messages a second, all receipts, nothing behind",
                SUSTAINED_PER_SECOND_MIN,
                sustained,
                "/s",
            )
        case IdleResult():
            yield _at_most(
                f"memory of one of {result.sockets:,} idle sockets",
                KIB_A_SOCKET_MAX,
                result.kib_a_socket,
                " KiB",
            )
            yield _at_most("idle sockets that were closed", 0, result.ended, "")
        case EdgeResult():
            yield from _edge(result)
        case RestartResult():
            log = f"on {result.facts:,} facts, first decision"
            for name, start in (
                ("restart", result.with_snapshots),
                ("restart after SIGKILL", result.after_kill),
            ):
                seconds = start.first_decision_seconds
                yield _at_most(f"{name} {log}", RESTART_SECONDS_MAX, seconds, " s")
        case ReconnectResult(back=back):
            devices = f"{back.devices:,} devices"
            seconds = round(back.live["max_ms"] / 1000, 1)
            yield _at_most(f"{devices} back, caught up", RECONNECT_SECONDS_MAX, seconds, " s")
            yield _at_most("lost, doubled, reordered, not back", 0, result.broken, "")
        case StormResult():
            storm = f"in {result.offered_per_second:,.0f} handshakes/s"
            yield _at_most(f"delivered p99 {storm}", STORM_SLOWER_MAX, result.slower, " times")
            ends = sum(one.loaded.missing["delivered"] for one in (result.calm, result.stormy))
            yield _at_most(f"messages lost {storm}", 0, ends, "")
        case OverloadResult():
            yield from _overload(result)


def _overload(result: OverloadResult) -> Iterator[Bar]:
    worst = result.steps[-1]
    rate = f"at {worst.offered_per_second:,.0f}/s offered"
    yield _at_least(f"goodput {rate}, of its peak", OVERLOAD_SHARE_MIN, result.worst_share, "")
    waited = max(step.loaded.latencies["delivered"]["p99_ms"] for step in result.steps)
    yield _at_most("delivered p99 of any step", OVERLOAD_P99_MS_MAX, waited, " ms")
    calm, again = (
        one.loaded.latencies["delivered"]["p99_ms"] for one in (result.calm, result.recovered)
    )
    times = round(again / max(calm, 0.01), 2)
    yield _at_most("delivered p99 after it, of before", RECOVERED_TIMES_MAX, times, " times")
    yield _at_most("lost, doubled, reordered", 0, result.broken, "")


def _latency(result: LatencyResult) -> Iterator[Bar]:
    loaded = result.traffic.loaded
    rate = f"at {result.traffic.offered_per_second:.0f}/s"
    for stage, quantile, bound in (
        ("accepted", "p50_ms", ACCEPTED_P50_MS_MAX),
        ("delivered", "p50_ms", DELIVERED_P50_MS_MAX),
        ("delivered", "p99_ms", DELIVERED_P99_MS_MAX),
    ):
        measured = loaded.latencies[stage][quantile]
        yield _at_most(f"{stage} {quantile[:3]} {rate}", bound, measured, " ms")
    yield _at_most("lost, doubled, reordered or missing ticks", 0, loaded.broken, "")


def _edge(result: EdgeResult) -> Iterator[Bar]:
    for inbound in result.inbound:
        yield _at_most(
            f"CPU of a gateway for one {inbound.kind} frame, {inbound.depth} at a time",
            FRAME_MICROSECONDS_MAX,
            inbound.microseconds_a_request,
            " us",
        )
    sockets = f"{result.idle_sockets:,} idle sockets"
    yield _at_most(
        f"memory of one of {sockets}", EDGE_KIB_A_SOCKET_MAX, result.kib_a_socket, " KiB"
    )
    yield _at_most(f"of {sockets}, those that were closed", 0, result.ended, "")
    missing = sum(inbound.missing + inbound.problems for inbound in result.inbound)
    yield _at_most("messages that are not in the log, or were refused", 0, missing, "")


def _at_most(what: str, bound: float, measured: float, unit: str) -> Bar:
    return Bar(what, f"<= {bound:g}{unit}", f"{measured:g}{unit}", measured <= bound)


def _at_least(what: str, bound: float, measured: float, unit: str) -> Bar:
    return Bar(what, f">= {bound:g}{unit}", f"{measured:g}{unit}", measured >= bound)
