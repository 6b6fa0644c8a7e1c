"""Mistakes in what is decided, and by whom: ids, writers, time, membership."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from events import fence
from events.members import members_of
from processors.admission import agent, decider, owner, remembered, restore, state
from processors.admission.features import receipts
from processors.admission.place import Place
from processors.snapshots import agent as snapshots
from tests.simulation.planted.registry import planted


@planted
def an_id_is_not_remembered(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(remembered.Remembered, "find", lambda self, digest: None)


@planted
def ids_are_forgotten_before_a_resend_is_stale(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(state, "REMEMBERED_MS", 60_000)


@planted
def an_id_of_any_age_is_admitted(patch: pytest.MonkeyPatch) -> None:
    """Only what the client says of a resend was judged: a frame that was read late said nothing."""
    patch.setattr(decider, "_made_at", lambda submitted, place: place.at)


@planted
def an_id_made_in_the_future_is_admitted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(decider, "AHEAD_MS", 1 << 60)


@planted
def one_clock_moves_the_time_of_the_log(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(agent, "AHEAD_MS", 1 << 60)


@planted
def a_snapshot_forgets_the_ids(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(remembered.Remembered, "packed", lambda self, entries: iter(()))


@planted
def a_snapshot_that_could_not_be_written_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    """Found here, once a producer could be full: its batch counted as handled all the same."""
    write = snapshots.Folded.write

    async def hopeful(self: Any, partition: int) -> None:
        self.facts_since[partition] = 0
        await write(self, partition)

    patch.setattr(snapshots.Folded, "write", hopeful)


@planted
def what_was_decided_is_decided_again(patch: pytest.MonkeyPatch) -> None:
    evolve = state.evolve

    def forgetful(one: state.PartitionState, event: Any) -> None:
        evolve(one, event)
        one.submission_offset = -1

    for module in (agent, snapshots, restore):
        patch.setattr(module, "evolve", forgetful)


@planted
def an_old_writer_is_believed(patch: pytest.MonkeyPatch) -> None:
    admits = fence.Fence.admits

    def credulous(self: fence.Fence, event: Any, offset: int) -> bool:
        return admits(self, event, offset) or type(event) in fence._DECISIONS

    patch.setattr(fence.Fence, "admits", credulous)


@planted
def a_late_claim_is_not_noticed(patch: pytest.MonkeyPatch) -> None:
    """Found here: a claim that lands late fenced the living owner off for ever."""

    async def blind(self: owner.Owner, facts: Any) -> None:
        pass

    patch.setattr(owner.Owner, "check", blind)


@planted
def an_epoch_is_the_offset_of_its_claim(patch: pytest.MonkeyPatch) -> None:
    """Found in a log that was restored at other offsets: every fact was hidden."""
    patch.setattr(fence, "number_of", lambda claim, offset: offset)


@planted
def a_claim_that_came_second_counts(patch: pytest.MonkeyPatch) -> None:
    """Of two that claim the same number both decide, and both are believed."""
    fold_up_to = owner.Owner._fold_up_to

    def stubborn(self: owner.Owner, claims: Any, states: Any) -> None:
        with contextlib.suppress(owner.ClaimLost):
            fold_up_to(self, claims, states)

    patch.setattr(owner.Owner, "_fold_up_to", stubborn)


@planted
def a_submission_offset_is_believed_in_another_log(patch: pytest.MonkeyPatch) -> None:
    """What was submitted to a log that lost its end counts as decided until it is as long again."""
    patch.setattr(owner, "restarts", lambda reader, codec, states: {})


@planted
def reading_begins_behind_the_last_decision(patch: pytest.MonkeyPatch) -> None:
    """Found here: a watermark before it was lost when its move was not in Kafka yet."""
    begins = owner.begins
    patch.setattr(
        owner, "begins", lambda reader, states, _: begins(reader, states, _decided(states))
    )


def _decided(states: Any) -> dict[int, int]:
    return {partition: one.submission_offset + 1 for partition, one in states.items()}


@planted
def time_may_run_back(patch: pytest.MonkeyPatch) -> None:
    def place(one: state.PartitionState, received: Any) -> Place:
        return Place(one.epoch, received.offset, received.timestamp)

    patch.setattr(agent, "_place", place)


@planted
def anybody_may_speak_anywhere(patch: pytest.MonkeyPatch) -> None:
    def everybody(conversation_id: str) -> tuple[str, ...]:
        return (*members_of(conversation_id), "ann", "bob", "cat")

    patch.setattr(state, "members_of", everybody)


@planted
def a_marker_may_pass_the_newest_fact(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(receipts, "min", lambda marker, newest: marker, raising=False)
