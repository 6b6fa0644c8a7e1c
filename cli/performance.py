"""The tables of docs/performance.md, made from the records in docs/performance.

In: the text of the page, with places marked `<!-- table: name -->` … `<!-- end -->`. Out: the same
text with each table made anew. What was not measured yet says so, and by which command it would be.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from bench import record
from bench.bars import Bar, bars
from bench.gate import Baseline
from bench.record import Record
from bench.report import Report
from bench.scenarios.edge import EdgeResult
from bench.scenarios.opens import OpensResult
from bench.scenarios.profile import ProfileResult
from bench.scenarios.scale import Axis, ScaleResult
from bench.scenarios.traffic import SETTLE_SECONDS_MAX, Traffic
from infra.checkout import CHECKOUT

BASELINE = CHECKOUT / "bench" / "baseline.json"

_PLACE = re.compile(r"(<!-- table: (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_LAST = ("load", "total")
_LOADS = ("latency", "capacity", "overload", "reconnect", "storm", "idle", "restart")
_NAMES = {"worker-1": "worker-1 (front)", "worker-2": "worker-2 (back)"}

Rows = Iterable[Sequence[str]]
Result = TypeVar("Result", ProfileResult, EdgeResult, ScaleResult, OpensResult)


def filled(text: str, folder: Path = record.FOLDER, baseline: Path = BASELINE) -> str:
    """The page with every table made from what is in the folder. Raises KeyError."""

    def table(found: re.Match[str]) -> str:
        return f"{found[1]}{TABLES[found['name']](folder, baseline)}\n{found[3]}"

    return _PLACE.sub(table, text)


def budget(folder: Path, _: Path) -> str:
    """CPU of a message, process by process."""

    def rows(kept: Record, result: ProfileResult) -> str:
        costs = result.traffic.cpu_microseconds_a_message
        total = costs["total"]
        lines = [
            (_NAMES.get(name, name), f"{cost:.0f}", f"{cost / total:.0%}")
            for name, cost in costs.items()
        ]
        return _table(("process", "CPU, us per message", "of all"), lines) + _source(
            kept, f"At {result.traffic.offered_per_second:.0f} messages per second, all receipts."
        )

    return _of(folder / "profile.json", ProfileResult, rows, "chatlog bench profile")


def areas(folder: Path, _: Path) -> str:
    """What the microseconds of each process are spent on."""

    def rows(kept: Record, result: ProfileResult) -> str:
        lines = [
            (
                _NAMES.get(name, name) if not number else "",
                area,
                f"{share * process.microseconds_a_message:.0f}",
                f"{share:.0%}",
            )
            for name, process in result.processes.items()
            for number, (area, share) in enumerate(process.areas.items())
            if share >= 0.01
        ]
        return _table(("process", "on what", "us per message", "of the process"), lines) + _source(
            kept, "Areas below one percent are left out."
        )

    return _of(folder / "profile.json", ProfileResult, rows, "chatlog bench profile")


def pictures(folder: Path, _: Path) -> str:
    """The flame graphs."""

    def rows(kept: Record, result: ProfileResult) -> str:
        links = [
            f"- [{name}](performance/{process.picture}): {process.microseconds_a_message:.0f} us"
            for name, process in result.processes.items()
        ]
        left_out = [f"- {name}: none; {reason}" for name, reason in result.not_looked_at.items()]
        return "\n".join([*links, *left_out])

    return _of(folder / "profile.json", ProfileResult, rows, "chatlog bench profile")


def edge(folder: Path, _: Path) -> str:
    """One gateway alone."""

    def rows(kept: Record, result: EdgeResult) -> str:
        lines = [
            (
                f"`{one.kind}`, {one.depth} at a time",
                f"{one.frames_per_second:,.0f}",
                f"{one.microseconds_a_request:.1f}",
                f"{one.microseconds_a_frame:.1f}",
                f"{one.kafka_microseconds_a_request:.1f}",
            )
            for one in result.inbound
        ]
        head = ("frames in", "per second", "us each", "us each, pings counted", "Kafka, us each")
        idle = (
            f"{result.idle_sockets:,} idle sockets: {result.kib_a_socket:g} KiB each, "
            f"{result.idle_microseconds_a_socket_and_second:g} us per second each, "
            f"{result.ended} closed."
        )
        return _table(head, lines) + _source(kept, idle)

    return _of(folder / "edge.json", EdgeResult, rows, "chatlog bench edge")


def loads(folder: Path, _: Path) -> str:
    """Every bar of the benchmarks that load the whole system."""
    bars_of: dict[str, Sequence[Bar]] = {}
    dates = []
    for file in sorted(folder.glob("bench*.json")):
        told = msgspec.json.decode(file.read_bytes(), type=Report)
        bars_of |= {str(result.__struct_config__.tag): [*bars(result)] for result in told.results}
        dates.append((told.measured_at, told.machine, *told.disturbances))
    rows: list[Sequence[str]] = []
    for name in _LOADS:
        command = f"chatlog bench {name}"
        if name not in bars_of:
            rows.append((_missing(command), "", "", "", ""))
        for number, bar in enumerate(bars_of.get(name, ())):
            met = "met" if bar.met else "**missed**"
            told_once = "" if number else f"`{command}`"
            rows.append((told_once, bar.what, bar.measured, bar.wanted, met))
    head = ("command", "what", "measured", "target", "")
    said = "; ".join(", ".join(words) for words in dates)
    return _table(head, rows) + (f"\n\n{said}." if said else "")


def line(axis: Axis, head: str, example: str) -> Callable[[Path, Path], str]:
    """How a message's cost grows along one line."""

    def made(folder: Path, _: Path) -> str:
        def rows(kept: Record, result: ScaleResult) -> str:
            columns = _processes(result)
            lines = [
                (
                    f"{point.at:,}{f' ({point.note})' if point.note else ''}",
                    *(
                        f"{point.traffic.cpu_microseconds_a_message.get(name, 0.0):.0f}"
                        for name in columns
                    ),
                    f"{point.traffic.loaded.latencies['delivered']['p50_ms']:.0f}",
                    "all" if point.traffic.loaded.is_whole else "**not all**",
                    _stored_after(point.traffic),
                )
                for point in result.points
            ]
            heads = (head, *columns, "delivered p50, ms", "arrived", "all stored after, s")
            return _table(heads, lines) + _source(kept, "CPU microseconds per message.")

        command = f"chatlog bench scale --{axis} {example}"
        return _of(folder / f"scale-{axis}.json", ScaleResult, rows, command)

    return made


def opens(folder: Path, _: Path) -> str:
    """What a session and an inbox cost, by the user's conversations."""

    def rows(kept: Record, result: OpensResult) -> str:
        lines = [
            (
                f"{user.conversations:,}",
                *(
                    f"{cost.latency['p50_ms']:.1f} / {cost.latency['p99_ms']:.1f}, "
                    f"{cost.cpu_microseconds['worker-1'] + cost.cpu_microseconds['worker-2']:.0f}"
                    for cost in (user.new_device, user.returning_device, user.inbox)
                ),
                f"{user.after_redis_lost_all_ms:.0f}",
            )
            for user in result.users
        ]
        head = (
            "conversations",
            "new device, first page of heads",
            "returning device",
            "first page of the inbox",
            "first session after Redis lost everything, ms",
        )
        return _table(head, lines) + _source(
            kept, "Milliseconds p50 / p99, and CPU microseconds of both workers."
        )

    return _of(folder / "opens.json", OpensResult, rows, "chatlog bench opens")


def gate(_: Path, baseline: Path) -> str:
    """What the gate compares with."""
    if not baseline.exists():
        return _missing("chatlog bench gate --write")
    kept = msgspec.json.decode(baseline.read_bytes(), type=Baseline)
    lines = [
        (
            _NAMES.get(name, name),
            f"{ratio:.3f}",
            f"{kept.spread[name]:.1%}",
            f"{kept.microseconds[name]:.0f}",
        )
        for name, ratio in kept.ratios.items()
    ]
    head = ("process", "ratio to the reference", "rounds apart", "us per message")
    return f"{_table(head, lines)}\n\n{kept.measured_at}, {kept.machine}: `{kept.command}`."


TABLES: dict[str, Callable[[Path, Path], str]] = {
    "budget": budget,
    "areas": areas,
    "pictures": pictures,
    "edge": edge,
    "partitions": line(Axis.PARTITIONS, "partitions", "1,4,16,64"),
    "workers": line(Axis.WORKERS, "worker processes", "1,2,3"),
    "sockets": line(Axis.SOCKETS, "sockets", "2,100,1000,10000"),
    "stored": line(Axis.STORED, "messages stored", "10,1000,100000,1000000"),
    "opens": opens,
    "gate": gate,
    "loads": loads,
}


def _processes(result: ScaleResult) -> list[str]:
    """Every process that any point has, the load and the sum last."""
    names = [name for point in result.points for name in point.traffic.cpu_microseconds_a_message]
    return [*(name for name in dict.fromkeys(names) if name not in _LAST), *_LAST]


def _stored_after(traffic: Traffic) -> str:
    """How long after the last tick the followers had nothing before them."""
    seconds = traffic.caught_up_after_seconds
    return f"more than {SETTLE_SECONDS_MAX:.0f}" if seconds is None else f"{seconds:.1f}"


def _of(file: Path, kind: type[Result], rows: Callable[[Record, Result], str], command: str) -> str:
    kept = record.read(file)
    if kept is None or not isinstance(kept.result, kind):
        return _missing(command)
    return rows(kept, kept.result)


def _missing(command: str) -> str:
    return f"*Not measured yet: `{command}`.*"


def _source(kept: Record, said: str) -> str:
    disturbed = f" Disturbed: {'; '.join(kept.disturbances)}." if kept.disturbances else ""
    return f"\n\n{said} {kept.measured_at}, {kept.machine}: `{kept.command}`.{disturbed}"


def _table(head: Sequence[str], rows: Rows) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
