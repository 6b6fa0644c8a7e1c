"""Who is shown what: events and their audience's sessions, to frames for gateways. Pure.

Features say who gets which frame (`features`); of what all decisions have in common, the asking
device gets `accepted` or `rejected`. Each frame is encoded once, whoever gets it (invariant: the
order of frames to one session is the order of the log). `members` says who is in a conversation at
the place of the event.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from msgspec import Struct

from events import frames
from events.conversations import SubmissionRejected, SubmissionRepeated, SubmissionsRestarted
from events.deliveries import AnsweredUpTo, FramesRouted, RoutedFrame
from events.features import FACT_TYPES, table
from events.members import Members
from processors.fanout.receivers import Sessions, Shown, nobody, of_device

Gateway = tuple[str, str]
"""A gateway's id and epoch."""

RECORD_BYTES_MAX = 400_000
"""Frames in one record; well below what a topic takes."""


def audience(event: Any, members: Members) -> tuple[str, ...]:
    """The users some device of whom is shown something of an event."""
    if isinstance(event, SubmissionRejected | SubmissionRepeated):
        return (event.sender_id,)
    if isinstance(event, SubmissionsRestarted):
        return ()
    return members(event.conversation_id)


def route(
    events: Iterable[Struct], sessions: Sessions, members: Members
) -> dict[Gateway, list[RoutedFrame]]:
    """The frames for each gateway, in the order of the events.

    Raises TypeError for an event of which nothing says who is shown it.
    """
    routed: dict[Gateway, list[RoutedFrame]] = {}
    for event in events:
        for frame, receivers in _shown(event, sessions, members):
            by_gateway: dict[Gateway, list[int]] = {}
            for session in receivers:
                gateway = (session.gateway_id, session.gateway_epoch)
                by_gateway.setdefault(gateway, []).append(session.session_id)
            for gateway, session_ids in by_gateway.items():
                routed.setdefault(gateway, []).append(
                    RoutedFrame(session_ids=tuple(session_ids), frame=frame)
                )
    return routed


def answered(facts: Iterable[tuple[int, Any]]) -> tuple[AnsweredUpTo, ...]:
    """How far submissions are answered by these facts, each with its partition."""
    places: dict[int, int] = {}
    for partition, fact in facts:
        if type(fact) in _ANSWERS:
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


def _shown(event: Struct, sessions: Sessions, members: Members) -> Shown:
    shown = _SHOWN.get(type(event))
    if shown is None:
        raise TypeError(f"nothing says who is shown {type(event).__name__}")
    frames_of: Shown = shown(event, audience(event, members), sessions)
    return frames_of


def _accepted(event: SubmissionRepeated, _: Sequence[str], sessions: Sessions) -> Shown:
    own = of_device(sessions, event.sender_id, event.device_id)
    if own:
        yield frames.accepted(event), own


def _rejected(event: SubmissionRejected, _: Sequence[str], sessions: Sessions) -> Shown:
    own = of_device(sessions, event.sender_id, event.device_id)
    if own:
        yield frames.rejected(event), own


_ANSWERS = frozenset({*FACT_TYPES, SubmissionRepeated, SubmissionRejected})
_SHOWN = {
    **table("processors.fanout.features", "SHOWN"),
    SubmissionRepeated: _accepted,
    SubmissionRejected: _rejected,
    SubmissionsRestarted: nobody,
}
