"""Whoever writes a partition sees, by the offsets of its facts, whether another claimed it."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import TopicPartition
from hypothesis import given, settings
from hypothesis import strategies as st

from events.conversations import WriterClaimed
from events.marks import Mark, fingerprint_of, mark_of
from events.topics import CONVERSATIONS, SUBMISSIONS
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


async def owner_behind(*between: bytes) -> tuple[Owner, Log]:
    """An owner whose first fact is to be at offset 1, and a log with these records from there."""
    log = Log(lambda: NOON)
    for value in (b"our claim", *between):
        log.append(PLACE, None, value)
    owner = await owner_of(Flaky(b"", failures=0))
    owner._context.log_reader = lambda: SimulatedReader(log)  # type: ignore[attr-defined]
    owner._next_offsets[0] = 1
    return owner, log


async def test_facts_without_a_gap_are_confirmed_and_nobody_is_asked() -> None:
    owner = await owner_of(Flaky(b"", failures=0))
    owner._context.log_reader = None  # type: ignore[attr-defined]
    await owner.check([(0, 0, b"one"), (0, 1, b"two")])
    await owner.check([(0, 2, b"three")])
    place = owner.committing(TopicPartition(SUBMISSIONS.name, 0, 7))
    assert (place.topic, place.partition, place.offset) == (SUBMISSIONS.name, 0, 7)
    assert mark_of(place.metadata, 0) == Mark(0, 3, 4, fingerprint_of(b"three"))


async def test_what_is_not_ours_or_was_seen_is_passed_over_and_the_rest_is_not() -> None:
    owner = await owner_of(Flaky(b"", failures=0))
    owner._context.log_reader = None  # type: ignore[attr-defined]
    owner._next_offsets[0] = 5
    await owner.check([(9, 0, b"of another"), (0, 3, b"late"), (0, 5, b"ours")])
    assert owner._next_offsets == {0: 6}
    assert owner._confirmed == {0: (6, b"ours")}


async def test_a_partition_that_left_is_committed_without_a_mark_and_not_looked_at() -> None:
    owner = await owner_of(Flaky(b"", failures=0))
    await owner.check([(0, 0, b"one")])
    owner.revoked([TopicPartition(SUBMISSIONS.name, 0)])
    assert (owner.states, owner._next_offsets, owner._confirmed) == ({}, {}, {})
    place = owner.committing(TopicPartition(SUBMISSIONS.name, 0, 7))
    assert (place.offset, place.metadata) == (7, "")
    await owner.check([(0, 9, b"that was on its way")])


@pytest.mark.parametrize("epoch", [3, 4])
async def test_an_older_claim_in_between_silences_nobody(epoch: int) -> None:
    claim = CODEC.encode(WriterClaimed(writer_id="another", epoch=epoch))
    owner, _ = await owner_behind(claim)
    await owner.check([(0, 2, b"ours")])
    assert owner._confirmed == {0: (3, b"ours")}


@settings(deadline=None, max_examples=30)
@given(before=st.lists(st.sampled_from([b"nonsense", b"ours"]), max_size=4), data=st.data())
def test_a_claim_is_seen_wherever_it_lies_between_facts(
    before: list[bytes], data: st.DataObject
) -> None:
    """Over several gaps of one batch, behind records that cannot be read and facts of our own."""
    claim = CODEC.encode(WriterClaimed(writer_id="another", epoch=5))
    at = data.draw(st.integers(0, len(before)))
    between = [*before[:at], claim, *before[at:]]
    facts = [(0, 1 + n, one) for n, one in enumerate(between) if one == b"ours"]

    async def seen() -> None:
        owner, _ = await owner_behind(*between)
        with pytest.raises(Fenced):
            await owner.check([*facts, (0, 1 + len(between), b"ours")])

    asyncio.run(seen())
