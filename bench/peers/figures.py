"""The figures by which systems are compared, and their ratios. Pure.

In: turns. Out: for each system and figure the best and the median of the rounds, and the ratio of
its median to that of the first system. A load that left messages behind gives no figure: it was
too much, which is said instead.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from msgspec import Struct

from bench.peers.results import Phase, Turn
from bench.peers.rounds import Summary, summary
from bench.peers.system import IN_FLIGHTS

_Reader = Callable[[Turn], float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure."""

    name: str
    heading: str
    read: _Reader
    more_is_better: bool = False


class Cell(Struct, frozen=True):
    """A figure of a system."""

    summary: Summary | None
    ratio: float | None
    """Of the median to the first system's."""
    remark: str = ""
    """Why there is no figure."""


def cells(turns: Sequence[Turn], names: Sequence[str]) -> dict[str, dict[str, Cell]]:
    """Each system's figures, by name of system and figure."""
    table: dict[str, dict[str, Cell]] = {}
    for name in names:
        own = [turn for turn in turns if turn.system == name]
        first = table.get(names[0], {})
        table[name] = {one.name: _cell(one, own, first.get(one.name)) for one in FIGURES}
    return table


def trouble(phase: Phase) -> str:
    """What was not as it should be; empty when everything was."""
    loaded = phase.loaded
    parts = [f"{count:,} {name}" for name in ("doubled", "reordered", "gaps")
             if (count := getattr(loaded, name))]  # fmt: skip
    late = max(loaded.missing.values(), default=0)
    parts += [f"{late:,} of {loaded.messages:,} too late"] if late else []
    parts += [f"{count:,} {what}" for what, count in loaded.problems.items()]
    return ", ".join(parts)


def _cell(figure: Figure, turns: Sequence[Turn], first: Cell | None) -> Cell:
    values = [value for turn in turns if (value := figure.read(turn)) is not None]
    found = summary(values, more_is_better=figure.more_is_better)
    if found is None:
        return Cell(None, None, _remark(turns))
    if first is None:
        return Cell(found, 1.0)
    base = first.summary.median if first.summary else 0.0
    return Cell(found, round(found.median / base, 3) if base else None)


def _remark(turns: Sequence[Turn]) -> str:
    return "failed" if turns and all(turn.failed for turn in turns) else ""


def _whole(phase: Phase | None) -> Phase | None:
    return phase if phase is not None and not trouble(phase) else None


def _flow(in_flight: str) -> _Reader:
    def read(turn: Turn) -> float | None:
        phase = _whole(turn.flows.get(in_flight))
        return phase.per_second if phase else None

    return read


def _latency(stage: str, quantile: str) -> _Reader:
    def read(turn: Turn) -> float | None:
        phase = _whole(turn.steady)
        return phase.loaded.latencies[stage][quantile] if phase else None

    return read


def _busiest(turn: Turn) -> Phase | None:
    """The closed loop with the most messages under way of which none was left behind."""
    flows = sorted(turn.flows.items(), key=lambda item: int(item[0]), reverse=True)
    return next((phase for _, phase in flows if _whole(phase)), None)


def _cost(of: Callable[[Turn], Phase | None], *parts: str) -> _Reader:
    def read(turn: Turn) -> float | None:
        phase = of(turn)
        return sum(phase.microseconds_a_message[part] for part in parts) if phase else None

    return read


def _steady(turn: Turn) -> Phase | None:
    return _whole(turn.steady)


def _deliveries(turn: Turn) -> float | None:
    phase = _whole(turn.group)
    return phase.per_second * turn.group_members if phase else None


def _under_way(in_flight: str) -> Figure:
    return Figure(
        name=f"flow_{in_flight}",
        heading=f"messages/s, {in_flight} in flight",
        read=_flow(in_flight),
        more_is_better=True,
    )


FIGURES = (
    *(_under_way(str(in_flight)) for in_flight in IN_FLIGHTS),
    Figure(name="accepted_p50", heading="acked p50 ms", read=_latency("accepted", "p50_ms")),
    Figure(name="accepted_p99", heading="acked p99 ms", read=_latency("accepted", "p99_ms")),
    Figure(name="delivered_p50", heading="delivered p50 ms", read=_latency("delivered", "p50_ms")),
    Figure(name="delivered_p99", heading="delivered p99 ms", read=_latency("delivered", "p99_ms")),
    Figure(
        name="steady_cpu",
        heading="CPU us per message, steady",
        read=_cost(_steady, "server", "database"),
    ),
    Figure(
        name="busy_cpu",
        heading="CPU us per message, busiest",
        read=_cost(_busiest, "server", "database"),
    ),
    Figure(name="busy_server", heading="of which server", read=_cost(_busiest, "server")),
    Figure(name="busy_database", heading="of which database", read=_cost(_busiest, "database")),
    Figure(name="busy_client", heading="load generator", read=_cost(_busiest, "client")),
    Figure(
        name="socket",
        heading="KiB per idle socket",
        read=lambda turn: turn.sockets.kib_each if turn.sockets else None,
    ),
    Figure(name="group", heading="group deliveries/s", read=_deliveries, more_is_better=True),
)
