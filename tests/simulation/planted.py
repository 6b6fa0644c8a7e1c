"""Mistakes, each planted in the real code by itself: the simulator is worth what it finds of these.

A mistake changes one rule, one order of steps or one bound, as a hasty change might. Those marked
`found here` were in the code until the simulator met them. A restore of heads that is not guarded
is not among them: it needs Redis to forget twice, around one message and one call, and a device
that comes back only then. The model of that joint finds it: `tests/projections/test_joint.py`.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from functools import wraps
from typing import Any

import pytest

from client.conversations import Conversation
from client.effects import EntrySettled
from client.outbox import Outbox
from edge import announcer, deliveries, outbox, session, tokens
from edge.connections import Connections
from edge.session import Session
from edge.websocket import ClientSocket
from edge.wire import close_frame
from events import fence
from events.fence import NO_EPOCH
from events.frames import CloseCode
from events.ids import members_of
from processors import guard, history, source
from processors.admission import agent, decider, owner, remembered, restore, state
from processors.dead_letters import DeadLetters
from processors.fanout import routing
from processors.snapshots import agent as snapshots
from projections.routing.store import RoutingStore, record
from projections.sessions.store import SessionStore

Plant = Callable[[pytest.MonkeyPatch], None]

PLANTED: dict[str, Plant] = {}

QUIET: set[str] = set()
"""Mistakes that only quiet runs show: whatever comes later mends what was missed."""


def _planted(plant: Plant) -> Plant:
    PLANTED[plant.__name__] = plant
    return plant


def _planted_quietly(plant: Plant) -> Plant:
    QUIET.add(plant.__name__)
    return _planted(plant)


# Loss, doubles, order


@_planted
def an_id_is_not_remembered(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(remembered.Remembered, "find", lambda self, digest: None)


@_planted
def ids_are_forgotten_before_a_resend_is_stale(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(state, "REMEMBERED_MS", 60_000)


@_planted
def a_snapshot_forgets_the_ids(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(remembered.Remembered, "packed", lambda self, entries: iter(()))


@_planted
def what_was_decided_is_decided_again(patch: pytest.MonkeyPatch) -> None:
    evolve = state.evolve

    def forgetful(one: state.PartitionState, event: Any) -> None:
        evolve(one, event)
        one.submission_offset = -1

    for module in (agent, snapshots, restore):
        patch.setattr(module, "evolve", forgetful)


@_planted
def an_old_writer_is_believed(patch: pytest.MonkeyPatch) -> None:
    admits = fence.Fence.admits

    def credulous(self: fence.Fence, event: Any, offset: int) -> bool:
        return admits(self, event, offset) or type(event) in fence._DECISIONS

    patch.setattr(fence.Fence, "admits", credulous)


@_planted
def a_late_claim_is_not_noticed(patch: pytest.MonkeyPatch) -> None:
    """Found here: a claim that lands late fenced the living owner off for ever."""

    async def blind(self: owner.Owner, facts: Any) -> None:
        pass

    patch.setattr(owner.Owner, "check", blind)


@_planted
def time_may_run_back(patch: pytest.MonkeyPatch) -> None:
    def place(one: state.PartitionState, received: Any) -> decider.Place:
        return decider.Place(one.epoch, received.offset, received.timestamp)

    patch.setattr(agent, "_place", place)


@_planted
def offsets_are_committed_before_the_effect(patch: pytest.MonkeyPatch) -> None:
    hand_over = source.Source._hand_over

    async def hasty(self: source.Source, records: Any) -> None:
        reached = self._reached(records)
        self._acknowledge(
            source._Handled(None, reached, len(records), self._partitions.arrival, 0.0)
        )
        self._consumer.commit(asynchronous=True)
        await hand_over(self, records)

    patch.setattr(source.Source, "_hand_over", hasty)


@_planted
def the_epoch_is_not_kept_beside_the_offset(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(guard.Guard, "epoch_of", lambda self, topic, partition: NO_EPOCH)


@_planted
def an_error_of_a_store_is_swallowed(patch: pytest.MonkeyPatch) -> None:
    _swallow(patch, ConnectionError)


@_planted
def a_message_leaves_the_outbox_when_it_is_sent(patch: pytest.MonkeyPatch) -> None:
    transmit = Outbox._transmit

    @wraps(transmit)
    def hopeful(self: Outbox, entry: Any, now: int, out: Any) -> None:
        transmit(self, entry, now, out)
        out.changes.append(EntrySettled(entry.order))

    patch.setattr(Outbox, "_transmit", hopeful)


@_planted
def what_comes_twice_is_handed_on_twice(patch: pytest.MonkeyPatch) -> None:
    place = Conversation.place

    def forgetful(self: Conversation, event: Any) -> Any:
        return [event] if event.seq == self.cursor else place(self, event)

    patch.setattr(Conversation, "place", forgetful)


@_planted
def a_gap_is_not_waited_for(patch: pytest.MonkeyPatch) -> None:
    def impatient(self: Conversation, event: Any) -> Any:
        if event.seq <= self.cursor:
            return []
        self.cursor = event.seq
        self.head = max(self.head, event.seq)
        return [event]

    patch.setattr(Conversation, "place", impatient)


# The joint of sync and live


@_planted_quietly
def sessions_are_read_before_heads_are_recorded(patch: pytest.MonkeyPatch) -> None:
    record_and_find = RoutingStore.record_and_find

    async def hasty(self: RoutingStore, heads: Any, markers: Any, started: Any, users: Any) -> Any:
        found = await record_and_find(self, {}, {}, (), users)
        await self._pipe.run(record(heads, markers, started))
        return found

    patch.setattr(RoutingStore, "record_and_find", hasty)


@_planted
def sessions_are_not_announced_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(announcer.Announcer, "sessions", lambda self: None)


@_planted
def who_asks_for_sessions_meanwhile_is_not_heard(patch: pytest.MonkeyPatch) -> None:
    """Found here: an announcement that was asked for while another went on was left out."""

    def deaf(self: Any) -> None:
        if self._sessions is None or self._sessions.done():
            self._asked = True
            self._sessions = asyncio.get_running_loop().create_task(self._announce_sessions())

    patch.setattr(announcer.Announcer, "sessions", deaf)


@_planted
def what_is_owed_dies_with_its_process(patch: pytest.MonkeyPatch) -> None:
    """Found here: a device whose answer was not whole was owed the rest in memory only."""

    async def forgetful(self: SessionStore, devices: Any) -> None:
        pass

    patch.setattr(SessionStore, "owe", forgetful)


@_planted
def deliveries_of_another_epoch_are_taken(patch: pytest.MonkeyPatch) -> None:
    deliver = deliveries.Deliveries._deliver

    def credulous(self: Any, value: Any) -> None:
        self._epoch = getattr(self._decode(value), "gateway_epoch", None)
        deliver(self, value)

    patch.setattr(deliveries.Deliveries, "_deliver", credulous)


@_planted
def a_users_other_devices_are_left_out(patch: pytest.MonkeyPatch) -> None:
    shown = routing._shown

    def selfish(event: Any, sessions: Any) -> Any:
        others = {user: some for user, some in sessions.items()}
        sender = getattr(event, "sender_id", None)
        if sender is not None:
            own = [one for one in others.get(sender, ()) if one.device_id == event.device_id]
            others[sender] = own
        return shown(event, others)

    patch.setattr(routing, "_shown", selfish)


# Receipts, membership


@_planted
def a_marker_may_pass_the_newest_fact(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(decider, "min", lambda marker, newest: marker, raising=False)


@_planted
def anybody_may_speak_anywhere(patch: pytest.MonkeyPatch) -> None:
    def everybody(conversation_id: str) -> tuple[str, ...]:
        return (*members_of(conversation_id), "ann", "bob", "cat")

    patch.setattr(decider, "members_of", everybody)


# Slow devices, tokens, time-outs


@_planted
def an_outbox_has_no_bound(patch: pytest.MonkeyPatch) -> None:
    def generous(self: outbox.Outbox, frame: bytes) -> bool:
        self._bytes += len(frame)
        self._waiting.append(frame)
        return True

    patch.setattr(outbox.Outbox, "put", generous)


@_planted
def a_slow_device_is_sent_away_for_ever(patch: pytest.MonkeyPatch) -> None:
    def harsh(self: ClientSocket) -> None:
        self._outbox.abandon(close_frame(CloseCode.POLICY_VIOLATION, "too_slow"))
        self._begin_to_close(CloseCode.POLICY_VIOLATION)

    patch.setattr(ClientSocket, "_overflow", harsh)


@_planted
def a_slow_device_holds_up_the_others(patch: pytest.MonkeyPatch) -> None:
    def patient(self: Connections) -> None:
        sockets: list[Any] = self._unwritten
        while sockets and not sockets[0]._outbox._flow.writing_paused:
            sockets.pop(0).flush()

    patch.setattr(Connections, "flush", patient)


@_planted
def an_expired_token_is_let_in(patch: pytest.MonkeyPatch) -> None:
    timely = tokens._timely
    patch.setattr(tokens, "_timely", lambda claims, now, more: timely(claims, claims["iat"], more))


@_planted
def a_session_outlives_its_token(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Session, "tick", lambda self, now: ())


@_planted
def a_fresh_token_changes_nothing(patch: pytest.MonkeyPatch) -> None:
    authenticated = Session.authenticated

    def stubborn(self: Session, *believed: Any) -> Any:
        until = self._expires_at
        effects = authenticated(self, *believed)
        self._expires_at = until or self._expires_at
        return effects

    patch.setattr(Session, "authenticated", stubborn)


@_planted
def a_session_takes_anybodys_token(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(session, "_same_device", lambda one, other: True)


@_planted
def who_is_said_to_be_replaced_is_closed_at_once(patch: pytest.MonkeyPatch) -> None:  # found here
    patch.setattr(ClientSocket, "replaced", lambda self: self.close(CloseCode.REPLACED, "replaced"))


@_planted
def a_time_out_is_taken_for_success(patch: pytest.MonkeyPatch) -> None:
    _swallow(patch, TimeoutError)


def _swallow(patch: pytest.MonkeyPatch, kind: type[Exception]) -> None:
    """Take a batch for handled when it met an error of this kind."""
    begin = guard.Guard.__init__

    def hopeful(self: guard.Guard, group: str, handler: Any, **more: Any) -> None:
        async def handle(batch: Any) -> Any:
            try:
                return await handler(batch)
            except kind:
                return None

        begin(self, group, handle, **more)

    patch.setattr(guard.Guard, "__init__", hopeful)


# Replay, conservation, bounds


@_planted
def write_times_are_those_of_arrival(patch: pytest.MonkeyPatch) -> None:
    arrivals = itertools.count(1)
    patch.setattr(history, "write_time", lambda generation, offset: next(arrivals))


@_planted
def poison_is_passed_over_in_silence(patch: pytest.MonkeyPatch) -> None:
    def silent(self: DeadLetters, record: Any, code: str, detail: str) -> asyncio.Future[int]:
        done = asyncio.get_running_loop().create_future()
        done.set_result(0)
        return done

    patch.setattr(DeadLetters, "set_aside", silent)


@_planted
def any_number_of_messages_may_be_in_flight(patch: pytest.MonkeyPatch) -> None:
    connected = Outbox.connected

    def greedy(self: Outbox, limits: Any) -> None:
        connected(self, {})

    patch.setattr(Outbox, "connected", greedy)
