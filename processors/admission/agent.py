"""Reads submissions, decides, publishes the decisions: the shell of admission.

Takes `chat.submissions`; puts one decision a message on `chat.conversations` and the moves of
markers on `chat.receipts`, at the submission's partition number. A batch is acknowledged when
Kafka has confirmed every record it led to. A submission at or below the highest one decided in the
log is skipped: its answer is there already (D1).
"""

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

from events.features import table
from events.receipts import Move
from events.topics import CONVERSATIONS, RECEIPTS, SUBMISSIONS, partition_of
from processors.admission.decider import AHEAD_MS, decide
from processors.admission.owner import Owner
from processors.admission.place import Place
from processors.admission.state import PartitionState, evolve
from processors.app import WorkerApp
from processors.context import Context
from processors.received import Confirmation, Poison, Received

_MOVE = table("processors.admission.features", "MOVE")
_CONVERSATIONS_OF = table("processors.admission.features", "CONVERSATIONS_OF")


class Decided(NamedTuple):
    """A fact on its way to Kafka."""

    partition: int
    value: bytes
    confirmation: "asyncio.Future[int]"


def attach(app: WorkerApp, context: Context) -> None:
    """Attach the agent of the consumer group `admission`."""
    owner = Owner(context)
    publish, encode = context.publisher.publish, context.codec.encode

    @app.batches("admission", topics=(SUBMISSIONS,), assignee=owner.with_guard)
    async def admit_messages(batch: Sequence[Received]) -> Confirmation:
        for received in batch:
            _check(received)
        decided: list[Decided] = []
        # Of the moves of one kind in a batch only the last is published: it covers the others.
        moves: dict[tuple[str, str, str], Move] = {}
        for received in batch:
            state = owner.states[received.partition]
            place = _place(state, received)
            if move := _MOVE.get(type(received.event)):
                for moved in move(state.conversations, state.members, received.event, place):
                    evolve(state, moved)
                    moves[moved.conversation_id, moved.user_id, moved.kind] = moved
            elif received.offset > state.submission_offset:
                fact: Any = decide(state, received.event, place)  # type: ignore[arg-type]
                evolve(state, fact)
                partition, value = received.partition, encode(fact)
                confirmation = context.publisher.publish_bytes(
                    CONVERSATIONS.name,
                    value,
                    key=fact.conversation_id.encode(),
                    partition=partition,
                )
                decided.append(Decided(partition, value, confirmation))
        published = [
            publish(RECEIPTS, moved, key=moved.conversation_id) for moved in moves.values()
        ]
        return _confirmed(owner, decided, published)


async def _confirmed(
    owner: Owner,
    decided: Sequence[Decided],
    moves: Sequence["asyncio.Future[int]"],
) -> None:
    """Wait until Kafka has every record, and see that no other owner claimed in between.

    State is ahead of the log until then, so a record that Kafka will not take must end the process:
    the next owner claims, and decides from what the log really holds.
    """
    try:
        offsets = await asyncio.gather(*(fact.confirmation for fact in decided), *moves)
        await owner.check(
            (fact.partition, offset, fact.value)
            for fact, offset in zip(decided, offsets, strict=False)
        )
    except Exception as error:
        raise RuntimeError("decisions were not confirmed") from error


def _place(state: PartitionState, received: Received) -> Place:
    """Time never falls within a partition, and no single clock makes it run ahead.

    It is the broker's, unless the gateway that submitted says that this is far ahead: then it is as
    far ahead of the gateway's as clocks may differ. Otherwise a broker whose clock ran ahead once
    would keep the log's time there until the day it had shown.
    """
    at = received.timestamp
    submitted_at = getattr(received.event, "submitted_at", None)
    if submitted_at is not None:
        at = min(at, submitted_at + AHEAD_MS)
    return Place(state.epoch, received.offset, max(at, state.newest_at))


def _check(received: Received) -> None:
    """Refuse what can never be decided, before anything of the batch has an effect."""
    event: Any = received.event
    conversations_of = _CONVERSATIONS_OF.get(type(event))
    named = [event.conversation_id] if conversations_of is None else conversations_of(event)
    for conversation_id in named:
        if partition_of(conversation_id) != received.partition:
            raise Poison(received, "wrong_partition", f"{conversation_id} does not belong here")
