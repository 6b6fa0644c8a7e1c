"""Whoever writes a partition sees, by the offsets of its facts, whether another claimed it."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from events.conversations import WriterClaimed
from events.topics import CONVERSATIONS
from processors.admission.owner import Fenced, Owner
from processors.admission.state import initial
from processors.received import Received
from tests.examples import NOON
from tests.processors.test_guard import CODEC, guard_of
from tests.simulation.kafka import Log, SimulatedReader

PLACE = (CONVERSATIONS.name, 0)


class Flaky:
    """A log whose broker is away a few times, and that then holds one record."""

    def __init__(self, value: bytes, failures: int) -> None:
        self.attempts = 0
        self._failures = failures
        self._log = Log(lambda: NOON)
        self._log.append(PLACE, None, value)

    def reader(self) -> SimulatedReader:
        self.attempts += 1
        if self.attempts <= self._failures:
            raise ConnectionError("the broker is away")
        return SimulatedReader(self._log)


async def owner_of(log: Flaky) -> Owner:
    async def nothing(batch: Sequence[Received]) -> None:
        pass

    guard, _, _ = await guard_of(nothing)
    context: Any = SimpleNamespace(
        codec=CODEC, look_up=lambda schema_id: False, log_reader=log.reader, worker_id="we"
    )
    owner = Owner(context).with_guard(guard)
    owner.states[0] = initial()
    owner.states[0].epoch = 4
    owner._next_offsets[0] = 0
    return owner


async def test_a_broker_that_is_away_is_asked_again_who_wrote_in_between() -> None:
    log = Flaky(b"nonsense", failures=2)
    await (await owner_of(log)).check([(0, 1, b"a fact of ours")])
    assert log.attempts == 3


async def test_a_claim_in_between_is_seen_though_the_broker_was_away() -> None:
    claim = CODEC.encode(WriterClaimed(writer_id="another", epoch=5))
    log = Flaky(claim, failures=1)
    with pytest.raises(Fenced):
        await (await owner_of(log)).check([(0, 1, b"a fact of ours")])
    assert log.attempts == 2
