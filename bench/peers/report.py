"""How a comparison is told: JSON for programs, a table for people, `docs/peers.md` for readers.

`page` is pure: the same report gives the same page, so a test can hold the page to its report.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from bench.peers.figures import FIGURES, Cell, cells, trouble
from bench.peers.results import Comparison
from bench.peers.rounds import disturbance, phases
from bench.peers.system import IN_FLIGHTS
from infra.checkout import CHECKOUT

PAGE = CHECKOUT / "docs" / "peers.md"
PAGE_REPORT = CHECKOUT / "docs" / "peers.json"

_NOTHING = "-"


def read(file: Path) -> Comparison:
    """A report that was written."""
    return msgspec.json.decode(file.read_bytes(), type=Comparison)


def write(comparison: Comparison, file: Path) -> None:
    """Write the report as JSON."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(msgspec.json.format(msgspec.json.encode(comparison), indent=1) + b"\n")


def show(comparison: Comparison, console: Console) -> None:
    """Print what was measured and the ratios."""
    for heading, tell in (("median", _median), (f"ratio to {comparison.systems[0].name}", _ratio)):
        table = Table(heading, box=None)
        table.columns[0].no_wrap = True
        for system in comparison.systems:
            table.add_column(system.name.replace("-", "\n"), justify="right", no_wrap=True)
        found = _cells(comparison)
        for figure in FIGURES:
            told = [found[system.name][figure.name] for system in comparison.systems]
            table.add_row(figure.heading, *(tell(cell) for cell in told))
        console.print(table)
        console.print()
    for line in _remarks(comparison):
        console.print(line)


def page(comparison: Comparison) -> str:
    """The page for readers."""
    return "\n".join(_page(comparison)) + "\n"


def _page(comparison: Comparison) -> Iterator[str]:
    systems = comparison.systems
    yield "# chatlog compared with other chat servers"
    yield ""
    yield f"Written by `chatlog bench peers --write` from [peers.json](peers.json), which holds every turn. Command: `{comparison.command}`; {comparison.measured_at}; {comparison.machine}."  # noqa: E501
    yield ""
    yield "Only the ratios are meaningful: server, database and load generator share the same cores. CPU per message is the most stable figure."  # noqa: E501
    yield ""
    yield f"## Ratios to {systems[0].title}"
    yield "Ratios of medians. Messages and deliveries per second: higher is better. Milliseconds, CPU and memory: lower is better."  # noqa: E501
    yield ""
    yield from _table(comparison, _ratio)
    yield ""
    yield "## Measured"
    yield f"Median of {comparison.rounds} round(s), and the best in brackets."
    yield ""
    yield from _table(comparison, _measured)
    yield ""
    remarks = list(_remarks(comparison))
    if remarks:
        yield "Notes on these figures:"
        yield from (f"- {line}" for line in remarks)
        yield ""
    yield "## Definitions"
    for system in systems:
        versions = ", ".join(f"{name} {version}" for name, version in system.versions.items())
        yield f"**{system.title}** ({versions})"
        yield f"- acked: {system.acked}"
        yield f"- kept: {system.kept}"
        yield f"- receipts: {system.receipts}"
        yield f"- configured: {system.configured}"
        if system.differs:
            yield f"- differs: {system.differs}"
        yield ""
    yield from _METHOD.format(
        body=comparison.body_bytes,
        steady=comparison.steady_seconds,
        flow=comparison.flow_seconds,
        under_way=", ".join(map(str, IN_FLIGHTS)),
    ).splitlines()


_METHOD = """\
## How it was measured
- Systems take turns: each in every round, in the same order, all others stopped. A turn starts the system in an empty folder, loads it and stops it. A sleeping process probes the machine before and after each turn. If it lost more than 5 % of its time, or if other programs used more than a tenth of a core during a load, the turn is repeated.
- The workload is the same for all systems except where *differs* says otherwise: 50 pairs, {body} bytes per message. *Acked* and *delivered*: 500 messages per second for {steady:g} s at due times that do not depend on the system, after a warm-up of 5 s; latency counts from the due time. *{under_way} in flight*: a pair sends its next message when the last one was delivered to the other device, for {flow:g} s. *Steady* is CPU at the due rate; *busiest* is CPU with the highest number in flight at which nothing was left behind.
- The same ledger checks all systems for messages that are lost, duplicated, out of order or missing. A load that a system did not settle within 15 s gives no figure, and the reason is stated.
- Each system has one lean load generator on the same event loop, on the same machine: raw XMPP over TCP, Matrix over HTTP, our WebSocket. Its cost is in the table.
- CPU is user and system time of all processes of a system, from /proc. Memory of a socket: growth (PSS) of the process that holds 1,000 idle authenticated sockets, divided by their number (XMPP servers create the accounts at the same time, and some keep them in memory); memory that workers, JVMs or the kernel hold for the sockets is not included.
- Archives are counted afterwards: each message must be present in as many copies as the archive promises.

## How fair it is
- For chatlog: the others send no receipts. A message of chatlog is three facts (sent, delivered, read) with ticks back to the sender, in every figure above.
- For chatlog: it keeps one order for both sides and the history, and recognises a retry. With XMPP each side has an archive and an order of its own, and a resent message is a new message.
- Against chatlog: an ack of PostgreSQL has waited for the disk. Kafka's has not; with three brokers it has waited for a second copy. On one machine this protects against the end of a process, not against power loss.
- Against chatlog: the others have groups, federation, and years of tuning by those who run them.
- XMPP clients request acks (XEP-0198) only at the steady rate; closed loops count deliveries and spare the servers the acks.
- Everything shares two cores; this penalises a system with more processes more than a larger machine would.
- The servers are those of the distribution and of PyPI, with default tables and indexes; newer releases may differ.
"""  # noqa: E501


def _table(comparison: Comparison, tell: Callable[[Cell], str]) -> Iterator[str]:
    yield "| system | " + " | ".join(figure.heading for figure in FIGURES) + " |"
    yield "| --- |" + " ---: |" * len(FIGURES)
    for name, row in _cells(comparison).items():
        title = next(system.title for system in comparison.systems if system.name == name)
        yield f"| {title} | " + " | ".join(tell(row[one.name]) for one in FIGURES) + " |"


def _remarks(comparison: Comparison) -> Iterator[str]:
    for turn in comparison.turns:
        where = f"{turn.system}, round {turn.round}"
        if turn.failed:
            yield f"{where}: failed: {turn.failed}"
        if said := disturbance(turn):
            yield f"{where}: the machine was disturbed: {said}"
        for what, phase in phases(turn):
            if said := trouble(phase):
                yield f"{where}, {what}: {said}"
            copies = phase.copies_a_message
            if copies is not None and what != "group":
                expected = round(copies)
                if abs(copies - expected) > 0.001 or not expected:
                    yield f"{where}, {what}: {copies:g} copies of a message are in the archive"
    if comparison.discarded:
        yield f"{len(comparison.discarded)} turn(s) were taken again"


def _cells(comparison: Comparison) -> dict[str, dict[str, Cell]]:
    return cells(comparison.turns, [system.name for system in comparison.systems])


def _median(cell: Cell) -> str:
    return _number(cell.summary.median) if cell.summary else cell.remark or _NOTHING


def _ratio(cell: Cell) -> str:
    return _NOTHING if cell.ratio is None else _number(cell.ratio)


def _measured(cell: Cell) -> str:
    if cell.summary is None:
        return cell.remark or _NOTHING
    return f"{_number(cell.summary.median)} ({_number(cell.summary.best)})"


def _number(value: float) -> str:
    """Three digits that mean something."""
    if value >= 100:
        return f"{value:,.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 0.1 or value <= 0 else f"{value:.3f}"
