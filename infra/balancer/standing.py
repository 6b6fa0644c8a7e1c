"""Which gateways may be given sockets, by what they answered lately.

In: how each stood, and what it answers now. Out: how it stands. A gateway that says that it is not
ready is out at once. One that is silent is out the second time: one answer may be lost. One comes
back when it was ready three times in a row, as each change costs nginx a reload. When not one
answers, it is more likely that nobody hears us: then nothing changes, and nginx finds out for
itself who can be reached.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

SILENCES_MAX = 1
READY_MIN = 3


class Answer(StrEnum):
    """What a gateway said when it was asked whether it is ready."""

    READY = "ready"
    NOT_READY = "not ready"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Gateway:
    """Where one is: clients at `port`, questions at `health_port`."""

    host: str
    port: int
    health_port: int

    @property
    def address(self) -> str:
        """What nginx connects to."""
        return f"{self.host}:{self.port}"

    @property
    def question(self) -> str:
        """What it is asked."""
        return f"http://{self.host}:{self.health_port}/readyz"


@dataclass(frozen=True, slots=True)
class Standing:
    """How one gateway stands."""

    is_in: bool = True
    in_a_row: int = 0
    """Silences while it is in, ready answers while it is out."""


def judged(
    standings: Mapping[Gateway, Standing], answers: Mapping[Gateway, Answer]
) -> dict[Gateway, Standing]:
    """How each stands after its answer."""
    if all(answer is Answer.SILENT for answer in answers.values()):
        return dict(standings)
    return {gateway: _judged(standings[gateway], answer) for gateway, answer in answers.items()}


def gateway_at(text: str) -> Gateway:
    """The gateway that is written `host:port:health_port`. Raises ValueError."""
    host, port, health_port = text.rsplit(":", 2)
    if not host:
        raise ValueError(f"{text!r} names no host")
    return Gateway(host, int(port), int(health_port))


def _judged(standing: Standing, answer: Answer) -> Standing:
    if not standing.is_in:
        ready = standing.in_a_row + 1 if answer is Answer.READY else 0
        return Standing() if ready >= READY_MIN else Standing(False, ready)
    if answer is Answer.READY:
        return Standing()
    silences = standing.in_a_row + 1
    is_out = answer is Answer.NOT_READY or silences > SILENCES_MAX
    return Standing(False) if is_out else Standing(True, silences)
