"""`chatlog docs`: writes the pages that are made from the code, so that they cannot be wrong.

In: the vocabulary, the client protocol, the settings, the metrics, the rights, the decisions, the
settings that promises rest on, the capacity model, what was measured, the commands. Out:
`docs/catalog.md`, `docs/access.md`, `docs/demands.md`, `docs/capacity.md`, `docs/commands.md`,
`docs/conformance.md`, the index of `docs/decisions/` and the tables of `docs/performance.md`.
`--check` writes nothing and fails when a page is not what it would write; a test calls it.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

import events.frames
from bench.planning.inputs import load
from bench.planning.model import TARGET
from bench.planning.page import page as capacity
from cli import performance
from cli.__main__ import build
from cli.access_page import access_page
from cli.commands_page import commands_page
from cli.conformance_page import conformance_page
from cli.conformance_page import load as conformance
from cli.demands_page import demands_page
from edge.frames import TYPES
from edge.limits import MEANINGS, Limits
from events.topics import COMMON_CONFIG, EVENT_TOPICS, TOPICS, Topic
from infra.checkout import CHECKOUT
from infra.errors import UserError
from infra.settings import SECTIONS
from infra.telemetry import METRICS

ROOT = Path(__file__).parent.parent
PERFORMANCE = ROOT / "docs/performance.md"
_HOUR_MS = 3_600_000

SERVER_FRAMES: Sequence[Callable[..., bytes]] = (
    events.frames.welcome,
    events.frames.token,
    events.frames.heads,
    events.frames.accepted,
    events.frames.rejected,
    events.frames.event,
    events.frames.receipt,
    events.frames.page,
    events.frames.inbox,
    events.frames.marked,
    events.frames.error,
)


def docs(*, check: bool = False) -> int:
    """Write the generated pages; with --check, only say whether they are current."""
    stale = [path for path, text in pages().items() if not _is(path, text)]
    if check:
        if stale:
            names = ", ".join(str(path.relative_to(ROOT)) for path in stale)
            raise UserError("stale_docs", f"Not current: {names}.", "Run `make docs`.")
        print("The pages are current.")
        return 0
    for path, text in pages().items():
        path.write_text(text, "utf-8")
    print(f"Written anew: {len(stale)} of {len(pages())} pages; the others were current.")
    return 0


def pages() -> dict[Path, str]:
    """Every generated page and its text."""
    return {
        ROOT / "docs/catalog.md": catalog(),
        ROOT / "docs/demands.md": demands_page(),
        ROOT / "docs/access.md": "\n\n".join(access_page()) + "\n",
        ROOT / "docs/decisions/README.md": decisions(ROOT / "docs/decisions"),
        ROOT / "docs/capacity.md": capacity(TARGET, load()),
        ROOT / "docs/commands.md": "\n\n".join(commands_page(build())) + "\n",
        ROOT / "docs/conformance.md": "\n\n".join(conformance_page(conformance())) + "\n",
        PERFORMANCE: performance.filled(PERFORMANCE.read_text("utf-8")),
    }


def catalog() -> str:
    """Topics, events, frames, codes, settings, metrics."""
    parts = [
        "# Catalogue",
        "Generated from the code by `make docs`; a test fails when it is not current.",
        "## Topics",
        "Every topic: " + ", ".join(f"`{k}={v}`" for k, v in COMMON_CONFIG.items()) + ".",
        _table(("topic", "holds", "key", "partitions", "kept", "from", "to"), map(_topic, _all())),
        "## Events",
        *(section for topic in EVENT_TOPICS for section in _events(topic)),
        "## Client frames",
        _table(("frame", "fields", "meaning"), _client_frames()),
        "## Server frames",
        _table(("frame", "meaning"), _server_frames()),
        "## Limits",
        "What `welcome` announces under `limits`: everything that is enforced on frames.",
        _table(("limit", "default", "meaning"), _limits()),
        "## Close codes",
        "4000-4499: reconnect after a jittered wait. 4500-4999: do not reconnect.",
        _table(("code", "name", "reconnect", "why"), _close_codes()),
        "## Error codes",
        "In an `error` frame: the frame was not accepted.",
        _table(("code", "why"), events.frames.ERROR_MEANINGS.items()),
        "## Rejection codes",
        "In a `rejected` frame: this is admission's decision, and the refusal is in the log.",
        _table(("code", "why"), events.frames.REJECTION_MEANINGS.items()),
        "## Settings",
        _table(("variable", "default", "meaning"), _settings()),
        "## Metrics",
        _table(("metric", "kind", "labels", "meaning"), _metrics()),
    ]
    return "\n\n".join(parts) + "\n"


def decisions(folder: Path) -> str:
    """The index of the decisions, by number."""
    rows = []
    for path in sorted(folder.glob("[0-9]*.md")):
        text = path.read_text("utf-8")
        title = text.splitlines()[0].removeprefix("# ")
        status = re.search(r"Status: (\w+)", text)
        rows.append((f"[{title}]({path.name})", status.group(1) if status else ""))
    return (
        "# Decisions\n\nGenerated by `make docs`.\n\n" + _table(("decision", "status"), rows) + "\n"
    )


def _all() -> Iterable[Topic]:
    return {topic.name: topic for topic in (*EVENT_TOPICS, *TOPICS)}.values()


def _topic(topic: Topic) -> tuple[str, ...]:
    kept = "for ever" if topic.retention_ms < 0 else f"{topic.retention_ms // _HOUR_MS} h"
    return (
        f"`{topic.name}{'.<gateway>' if topic.per_gateway else ''}`",
        topic.holds,
        topic.key,
        str(topic.partitions),
        "newest of each key" if topic.cleanup_policy == "compact" else kept,
        ", ".join(topic.producers),
        ", ".join(topic.consumers),
    )


def _events(topic: Topic) -> Iterator[str]:
    yield f"### {topic.name}"
    yield _table(
        ("event", "meaning", "fields"),
        ((_code(e.__name__), _said(e), _fields(e)) for e in topic.events),
    )


def _client_frames() -> Iterator[tuple[str, ...]]:
    for name, frame in TYPES.items():
        yield _code(name), _fields(frame), _said(frame)


def _server_frames() -> Iterator[tuple[str, str]]:
    for frame in SERVER_FRAMES:
        yield _code(frame.__name__), _said(frame)


def _limits() -> Iterator[tuple[str, ...]]:
    for name, value in Limits().announced().items():
        yield _code(name), str(value), MEANINGS[name]


def _close_codes() -> Iterator[tuple[str, ...]]:
    for code, meaning in events.frames.CLOSE_MEANINGS.items():
        yield str(int(code)), code.name.lower(), "yes" if code.reconnect else "no", meaning


def _settings() -> Iterator[tuple[str, ...]]:
    for section in SECTIONS:
        for name, variable in section.variables().items():
            field = section.model_fields[name]
            default = "required" if field.is_required() else f"`{_shown(field.default)}`"
            yield _code(variable), default, field.description or ""


def _metrics() -> Iterator[tuple[str, ...]]:
    for metric in METRICS:
        labels = ", ".join(metric.labels)
        yield _code(metric.exposed), metric.kind, labels, metric.sentence


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, Path) and value.is_relative_to(CHECKOUT):
        return str(value.relative_to(CHECKOUT))
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _fields(kind: type[Struct]) -> str:
    return ", ".join(
        f"{field.name}{'' if field.required else '?'}" for field in msgspec.structs.fields(kind)
    )


def _said(thing: Any) -> str:
    return " ".join((thing.__doc__ or "").split())


def _code(text: str) -> str:
    return f"`{text}`"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
    lines += ("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)
    return "\n".join(lines)


def _is(path: Path, text: str) -> bool:
    return path.exists() and path.read_text("utf-8") == text
