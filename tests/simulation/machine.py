"""What waits to happen outside of our processes: each thing by itself, in any order.

A call to a store or to Kafka is put here. The scheduler later lets it happen, or lets it fail; a
process that died in between never hears of it. So a crash may fall between any two steps. A call
may also wait for very long, and may be given up by who asked for it and happen later all the same.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any


@dataclass(eq=False)
class Call:
    """Something that a process asked of a part, and waits for."""

    owner: "Process"
    part: str
    act: Callable[[], Any]
    answer: "asyncio.Future[Any]"


@dataclass(eq=False)
class Process:
    """A program that may be killed, and may be stopped and go on later without knowing it."""

    name: str
    alive: bool = True
    stopped: bool = False
    waits: int = 0
    """How often it waits at the moment until a group has come to the end of the log."""
    at_death: list[Callable[[], None]] = field(default_factory=list)


class Machine:
    """All that waits to happen. `kafka` never fails a call (a worker's producer tries for ever): it
    waits while Kafka is away."""

    def __init__(self, loop: asyncio.AbstractEventLoop, random: Random) -> None:
        self.loop = loop
        self.random = random
        self.calls: list[Call] = []
        self.held: set[Call] = set()
        """Calls that wait until somebody lets them go on."""
        self.given_up: list[Call] = []
        """Calls that nobody waits for any more, and that happen later, or never."""
        self.away: set[str] = set()
        """Parts that refuse every call at the moment."""
        self.full_chance = 0.0
        """How often a worker's producer has no room for a part of a snapshot."""
        self.refuse_chance = 0.0
        """How often Kafka does not confirm what a gateway publishes, written or not."""

    def ask(self, owner: Process, part: str, act: Callable[[], Any]) -> "asyncio.Future[Any]":
        """Ask something of a part."""
        answer: asyncio.Future[Any] = self.loop.create_future()
        if owner.alive:  # what is left of a dead process waits for ever
            self.calls.append(Call(owner, part, act, answer))
        return answer

    def ready(self) -> list[Call]:
        """The calls that may happen now."""
        return [
            call
            for call in self.calls
            if not call.owner.stopped
            and call not in self.held
            and not (call.part == "kafka" and "kafka" in self.away)
        ]

    @property
    def stores_are_asked(self) -> bool:
        """Whether a store is to answer something, to whoever waits for it or to nobody."""
        return any(one.part in ("redis", "cassandra") for one in (*self.calls, *self.given_up))

    def happen(self, call: Call, fail_chance: float) -> None:
        """Let a call happen: it works, or it fails before or after it worked."""
        self.calls.remove(call)
        if call.part in self.away:
            self._answer(call, error=ConnectionError(f"{call.part} is away"))
        elif call.part != "kafka" and self.random.random() < max(
            fail_chance, self.refuse_chance if call.part == "kafka-giving-up" else 0.0
        ):
            if self.random.random() < 0.5:
                with suppress(ConnectionError):
                    call.act()
            self._answer(call, error=TimeoutError(f"{call.part} did not answer"))
        else:
            try:
                self._answer(call, result=call.act())
            except ConnectionError as error:
                self._answer(call, error=error)

    def give_up(self, call: Call) -> None:
        """Who asked waited in vain; the call may still happen."""
        self.calls.remove(call)
        self.held.discard(call)
        self.given_up.append(call)
        self._answer(call, error=TimeoutError(f"{call.part} did not answer in time"))

    def happen_late(self, call: Call) -> None:
        """A call that was given up happens, unless its part is away."""
        self.given_up.remove(call)
        if call.part not in self.away:
            with suppress(ConnectionError):  # its connection has ended meanwhile
                call.act()

    def kill(self, owner: Process) -> None:
        """End a process; what it had asked for happens all the same, or does not."""
        owner.alive = owner.stopped = False
        mine = [call for call in self.calls if call.owner is owner]
        self.calls = [call for call in self.calls if call.owner is not owner]
        for call in mine:  # lines of records, which keep their order, see for themselves
            is_store = not call.part.startswith("kafka") and call.part not in self.away
            if is_store and self.random.random() < 0.5:
                with suppress(ConnectionError):
                    call.act()
        for act in owner.at_death:
            act()

    @staticmethod
    def _answer(call: Call, result: Any = None, error: Exception | None = None) -> None:
        if call.answer.done():
            return
        if error is None:
            call.answer.set_result(result)
        else:
            call.answer.set_exception(error)
