"""`docs/conformance.md`: Autobahn's WebSocket cases against the gateway's own WebSocket parts.

In: docs/conformance.json, which `make conformance` writes. Out: the page, with counts of each group
of cases, and a sentence for every case that is not OK. Raises KeyError where a sentence is missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import msgspec
from msgspec import Struct

from infra.checkout import CHECKOUT

RECORD = CHECKOUT / "docs" / "conformance.json"


class Outcome(Struct, frozen=True, array_like=True):
    """What came of one case: the suite's words for it, for its close, and our close code."""

    behavior: str
    close: str
    code: int | None

    @property
    def is_ok(self) -> bool:
        """Whether there is nothing to explain."""
        return self.behavior == self.close == "OK"


class Run(Struct, frozen=True):
    """Every case against one endpoint."""

    name: str
    cases: dict[str, Outcome]


class Conformance(Struct, frozen=True):
    """What is kept of the last runs."""

    measured_on: str
    suite: str
    aiohttp: str
    runs: list[Run]


GROUPS = {
    "1": "Framing",
    "2": "Pings and pongs",
    "3": "Reserved bits",
    "4": "Opcodes",
    "5": "Fragmentation",
    "6": "UTF-8",
    "7": "Closing",
    "9": "Limits and performance",
    "10": "Fragmentation by the sender",
    "12": "Compression, by payload",
    "13": "Compression, by parameters",
}
"""Every group of cases, by the first number of its cases."""

RUNS = {
    "as_shipped": ("As a gateway is", "Text only, within the limits of a gateway."),
    "unlimited": (
        "Without its limits",
        "The same parts with other arguments: they take binary messages too, 16 MiB in any number "
        "of fragments, and the outbox holds 64 MiB.",
    ),
}
"""The endpoints: a title, and what each one takes."""

_TEXT_ONLY = "By design: the protocol is JSON in text messages, and binary ones are refused."
_TOO_BIG = "By design: the message is larger than any frame of the protocol (266,240 bytes)."

REASONS: dict[tuple[str, str, int | None], str] = {
    ("1.2", "FAILED", 1003): _TEXT_ONLY,
    ("9.2", "FAILED", 1003): _TEXT_ONLY,
    ("9.4", "FAILED", 1003): _TEXT_ONLY,
    ("9.6", "FAILED", 1003): _TEXT_ONLY,
    ("9.8", "FAILED", 1003): _TEXT_ONLY,
    ("9.1", "FAILED", 1009): _TOO_BIG,
    ("9.3", "FAILED", 1009): _TOO_BIG,
    ("9.5", "FAILED", 1009): _TOO_BIG,
    ("9.3", "FAILED", 1008): "By design: the message comes in more than 256 fragments.",
    ("6.4", "NON-STRICT", 1007): "Allowed by RFC 6455 (8.1): text is checked when its message is "
    "complete, which is bounded in size and time; the suite prefers that it fails sooner.",
    ("7.1", "INFORMATIONAL", 1000): "Nothing is judged: what the client said before its close is "
    "answered in whole, and then its close.",
    ("7.13", "INFORMATIONAL", 1002): "Nothing is judged: a close code outside the ranges of the "
    "RFC is answered with 1002.",
    ("12", "UNIMPLEMENTED", 1000): "By design: no extension is negotiated. Compression costs "
    "memory per socket, and lengths could tell a secret that is compressed beside foreign text.",
    ("13", "UNIMPLEMENTED", 1000): "As for 12.*.",
}
"""By group or subgroup, what the suite says, and our close code: why it is so."""

_HEAD = """\
# WebSocket conformance

Made by `make docs` from [conformance.json](conformance.json), which `make conformance` writes; a \
test fails when this page is not current.

The cases of Autobahn's test suite ({suite}, made to run on Python 3) against an endpoint of the \
gateway's own parts: its porch, HTTP server and upgrade (aiohttp {aiohttp}), reader, outbox and \
close, with an echo in place of the session (`tests/conformance/echo.py`). Run on \
{measured_on}. The suite is not needed for `make test`: `make conformance` installs it in an \
environment of its own, and takes about three minutes."""


def load() -> Conformance:
    """The record."""
    return msgspec.json.decode(RECORD.read_bytes(), type=Conformance)


def counts(outcomes: Iterable[Outcome]) -> str:
    """How many behaved how."""
    counted = Counter(one.behavior for one in outcomes)
    return ", ".join(f"{count} {name}" for name, count in counted.most_common())


def reason_for(case: str, outcome: Outcome) -> str:
    """Why a case is not OK. Raises KeyError when nobody has said."""
    return REASONS[_key_of(case, outcome)]


def conformance_page(kept: Conformance) -> Iterator[str]:
    """The parts of the page."""
    yield _HEAD.format(suite=kept.suite, aiohttp=kept.aiohttp, measured_on=kept.measured_on)
    for run in kept.runs:
        title, taken = RUNS[run.name]
        yield f"## {title}\n{taken} {counts(run.cases.values())}."
        yield "\n".join(_groups(run))
        yield "\n".join(_reasons(run))


def _groups(run: Run) -> Iterator[str]:
    seen = Counter((case.partition(".")[0], one.behavior) for case, one in run.cases.items())
    behaviors = [
        name for name, _ in Counter(one.behavior for one in run.cases.values()).most_common()
    ]
    yield f"| cases | | {' | '.join(behaviors)} |"
    yield f"| --- | --- |{' ---: |' * len(behaviors)}"
    for group, name in GROUPS.items():
        cells = (str(seen[group, one] or "") for one in behaviors)
        yield f"| {group}.* | {name} | {' | '.join(cells)} |"


def _reasons(run: Run) -> Iterator[str]:
    cases: dict[tuple[str, str, int | None], list[str]] = {}
    for case, outcome in run.cases.items():
        if not outcome.is_ok:
            cases.setdefault(_key_of(case, outcome), []).append(case)
    yield "| cases that are not OK | the suite says | closed with | why |"
    yield "| --- | --- | ---: | --- |"
    for key, numbers in cases.items():
        named = (
            ", ".join(numbers) if key[1] != "UNIMPLEMENTED" else f"all {len(numbers)} of {key[0]}.*"
        )
        yield f"| {named} | {key[1]} | {key[2]} | {REASONS[key]} |"


def _key_of(case: str, outcome: Outcome) -> tuple[str, str, int | None]:
    parts = case.split(".")
    for group in (".".join(parts[:2]), parts[0]):
        if (key := (group, outcome.behavior, outcome.code)) in REASONS:
            return key
    raise KeyError(f"no reason is given for case {case}: {outcome}")
