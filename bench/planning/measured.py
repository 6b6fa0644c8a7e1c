"""A report of `chatlog bench`, as lines for inputs.toml: `python -m bench.planning.measured FILE`.

Prints `[[cost_points]]` of every rate that was tried and `[components]` of the first; and, where
the report has them, the values of the inputs that other scenarios measure.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bench.report import Report
from bench.scenarios.capacity import CapacityResult, is_sustained
from bench.scenarios.idle import IdleResult
from bench.scenarios.latency import LatencyResult
from bench.scenarios.traffic import Traffic

_PARTS = {
    "kafka": "kafka",
    "workers": "worker",
    "cassandra": "cassandra",
    "gateway": "gateway",
    "load": "load",
    "redis": "redis",
}


def lines(report: Report) -> Iterator[str]:
    """What is to stand in the data file."""
    steps: list[tuple[Traffic, bool, str]] = []
    for result in report.results:
        match result:
            case LatencyResult():
                traffic = result.traffic
                steps.append((traffic, traffic.is_sustained, "`chatlog bench latency`"))
            case CapacityResult():
                steps += [
                    (step, is_sustained(step), "`chatlog bench capacity`") for step in result.steps
                ]
                yield f"sustained_a_second = {result.sustained_per_second:g}"
            case IdleResult():
                gateway = result.cpu_microseconds_a_socket_and_second["gateway-1"]
                connect = 2_000 * result.connected_seconds / result.sockets
                yield f"socket_kib = {result.kib_a_socket:g}"
                yield f"socket_microseconds_a_second = {gateway:g}"
                yield f"connect_milliseconds = {connect:.2g}"
                yield f"gateway_base_mib = {result.baseline_mib:.0f}"
    for traffic, is_whole, command in sorted(steps, key=lambda step: step[0].offered_per_second):
        yield from (
            "",
            "[[cost_points]]",
            f"messages_a_second = {traffic.throughput_per_second:g}",
            f"milliseconds = {traffic.cpu_microseconds_a_message['total'] / 1_000:.2f}",
            f"is_whole = {str(is_whole).lower()}",
            f'source = "{command} of {report.measured_at}, {report.machine}"',
        )
    if steps:
        yield from _components(min(steps, key=lambda step: step[0].offered_per_second)[0])


def _components(traffic: Traffic) -> Iterator[str]:
    spent = traffic.cpu_microseconds_a_message
    yield from ("", "[components]")
    for name, prefix in _PARTS.items():
        own = sum(value for who, value in spent.items() if who.startswith(prefix))
        yield f"{name} = {own / 1_000:.3f}"
    yield f'source = "`chatlog bench`, at {traffic.offered_per_second:g}/s"'


if __name__ == "__main__":
    print("\n".join(lines(msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Report))))
