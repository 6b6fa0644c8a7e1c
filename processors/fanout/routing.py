"""Who is shown what: a fact or move, and its audience's sessions, to frames for gateways. Pure.

The sending device gets `accepted` or `rejected`; every other device of every member gets the
message. A delivered move goes to the other members, a read move to the reader's own devices too; in
notes to oneself both do.
Each frame is encoded once, whoever gets it (invariant: order of frames to one session is the order
of the log).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from events import frames
from events.conversations import (
    MessageSent,
    SubmissionRejected,
    SubmissionRepeated,
    SubmissionsRestarted,
)
from events.deliveries import AnsweredUpTo, FramesRouted, RoutedFrame
from events.ids import members_of
from events.receipts import DeliveredMarkerMoved, ReadMarkerMoved
from projections.sessions.keys import Session

Gateway = tuple[str, str]
"""A gateway's id and epoch."""

Sessions = Mapping[str, Sequence[Session]]
"""The live sessions of each user."""

RECORD_BYTES_MAX = 400_000
"""Frames in one record; well below what a topic takes."""


def audience(event: Struct) -> tuple[str, ...]:
    """The users some device of whom is shown something of an event."""
    match event:
        case MessageSent():
            return members_of(event.conversation_id)
        case SubmissionRejected() | SubmissionRepeated():
            return (event.sender_id,)
        case ReadMarkerMoved() | DeliveredMarkerMoved():
            return members_of(event.conversation_id)
        case SubmissionsRestarted():
            return ()
        case _:
            raise TypeError(f"{type(event).__name__} has no audience")


def route(events: Iterable[Struct], sessions: Sessions) -> dict[Gateway, list[RoutedFrame]]:
    """The frames for each gateway, in the order of the events."""
    routed: dict[Gateway, list[RoutedFrame]] = {}
    for event in events:
        for frame, receivers in _shown(event, sessions):
            by_gateway: dict[Gateway, list[int]] = {}
            for session in receivers:
                gateway = (session.gateway_id, session.gateway_epoch)
                by_gateway.setdefault(gateway, []).append(session.session_id)
            for gateway, session_ids in by_gateway.items():
                routed.setdefault(gateway, []).append(
                    RoutedFrame(session_ids=tuple(session_ids), frame=frame)
                )
    return routed


def answered(facts: Iterable[tuple[int, Struct]]) -> tuple[AnsweredUpTo, ...]:
    """How far submissions are answered by these facts, each with its partition."""
    places: dict[int, int] = {}
    for partition, fact in facts:
        if isinstance(fact, MessageSent | SubmissionRepeated | SubmissionRejected):
            places[partition] = max(fact.submission_offset, places.get(partition, 0))
    return tuple(
        AnsweredUpTo(partition=partition, submission_offset=offset)
        for partition, offset in places.items()
    )


def records(
    gateway: Gateway, routed: Sequence[RoutedFrame], answered: tuple[AnsweredUpTo, ...] = ()
) -> Iterator[FramesRouted]:
    """The frames of one gateway as delivery records of bounded size; the last one says how far."""
    start, size = 0, 0
    for index, one in enumerate(routed):
        cost = len(one.frame) + 10 * len(one.session_ids)
        if size and size + cost > RECORD_BYTES_MAX:
            yield _record(gateway, routed[start:index], ())
            start, size = index, 0
        size += cost
    yield _record(gateway, routed[start:], answered)


def _record(
    gateway: Gateway, routed: Sequence[RoutedFrame], answered: tuple[AnsweredUpTo, ...]
) -> FramesRouted:
    return FramesRouted(
        gateway_id=gateway[0], gateway_epoch=gateway[1], frames=tuple(routed), answered=answered
    )


def _shown(event: Struct, sessions: Sessions) -> Iterator[tuple[bytes, list[Session]]]:
    """Each frame of an event with the sessions that get it; nothing is encoded for nobody."""
    match event:
        case MessageSent():
            own = _device(sessions, event.sender_id, event.device_id)
            if own:
                yield frames.accepted(event), own
            others = [
                session
                for member in members_of(event.conversation_id)
                for session in sessions.get(member, ())
                if member != event.sender_id or session.device_id != event.device_id
            ]
            if others:
                yield frames.event(event), others
        case SubmissionRepeated():
            own = _device(sessions, event.sender_id, event.device_id)
            if own:
                yield frames.accepted(event), own
        case SubmissionRejected():
            own = _device(sessions, event.sender_id, event.device_id)
            if own:
                yield frames.rejected(event), own
        case ReadMarkerMoved() | DeliveredMarkerMoved():
            members = members_of(event.conversation_id)
            to_own = type(event) is ReadMarkerMoved or len(members) == 1
            receivers = [
                session
                for member in members
                for session in sessions.get(member, ())
                if to_own or member != event.user_id
            ]
            if receivers:
                yield frames.receipt(event), receivers
        case SubmissionsRestarted():
            return
        case _:
            raise TypeError(f"{type(event).__name__} is shown to nobody")


def _device(sessions: Sessions, user_id: str, device_id: str) -> list[Session]:
    return [session for session in sessions.get(user_id, ()) if session.device_id == device_id]
