"""What a fault is: a function that strikes, yields, and heals.

    @fault("F1", hold_seconds=6.0, served_within_seconds=5.0)
    async def gateway_killed(lab: Lab) -> AsyncIterator[None]:
        \"\"\"SIGKILL to a gateway; its people are served by the other one.\"\"\"
        await lab.kill("gateway-1")
        yield
        await lab.start("gateway-1")

Its first sentence is what reports say of it. Whatever it draws comes from `lab.random`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum

from chaos.lab import Lab

EITHER = (1, 3)
ONE = (1,)
THREE = (3,)


class Since(StrEnum):
    """From when a bar counts."""

    STRIKE = "strike"
    HEAL = "heal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way to break the system."""

    name: str
    number: str
    """Its number in the list of fault schedules, F1 to F61."""
    sentence: str
    strike: Callable[[Lab], AbstractAsyncContextManager[None]]
    hold_seconds: float
    """How long it stays broken."""
    brokers: tuple[int, ...]
    """With how many brokers it makes sense."""
    weight_seconds: float
    """About how long it takes until all is whole again, for planning."""
    bar_seconds: float | None
    """How long people may feel it; None: it is only measured."""
    since: Since
    always: bool
    """Whether every mix holds it."""
    missing: Callable[[], str]
    """What this machine lacks for it; empty when nothing."""


def fault(
    number: str,
    *,
    hold_seconds: float,
    brokers: tuple[int, ...] = ONE,
    weight_seconds: float | None = None,
    bar_seconds: float | None = None,
    since: Since = Since.STRIKE,
    always: bool = False,
    missing: Callable[[], str] = lambda: "",
) -> Callable[[Callable[[Lab], AsyncIterator[None]]], Fault]:
    """Make a fault of a function that strikes, yields, and heals."""

    def made(function: Callable[[Lab], AsyncIterator[None]]) -> Fault:
        return Fault(
            name=function.__name__.replace("_", "-"),
            number=number,
            sentence=(function.__doc__ or "").strip().splitlines()[0],
            strike=asynccontextmanager(function),
            hold_seconds=hold_seconds,
            brokers=brokers,
            weight_seconds=hold_seconds + 8.0 if weight_seconds is None else weight_seconds,
            bar_seconds=bar_seconds,
            since=since,
            always=always,
            missing=missing,
        )

    return made
