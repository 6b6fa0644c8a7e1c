"""The steps of one message, picked out of records of the log. Pure.

In: readable records and the message's client id. Out: steps with place and time, and what the
sender saw when: the three ticks.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cli.log import Readable
from events.conversations import SubmissionRejected, SubmissionRepeated
from events.deliveries import FramesRouted
from events.members import members_of
from events.messages import MessageSent, MessageSubmitted
from events.receipts import MARKER_KINDS, Move


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened to a message. `at` is the broker's time of its record, if any."""

    kind: str
    place: str
    at: int | None
    said: str

    def as_json(self, first_at: int) -> dict[str, Any]:
        """The step for programs."""
        after = None if self.at is None else self.at - first_at
        return {
            "kind": self.kind,
            "place": self.place,
            "at": self.at,
            "after_ms": after,
            "said": self.said,
        }


def place_of(found: Readable) -> str:
    """Topic, partition and offset in one word."""
    return f"{found.topic.removeprefix('chat.')}/{found.partition}@{found.offset}"


def own_step(found: Readable, message_id: str) -> Step | None:
    """The step that a record of submissions or conversations is for this message, if any."""
    match found.event:
        case MessageSubmitted(client_message_id=one) if one == message_id:
            return Step("submission", place_of(found), found.timestamp, found.said)
        case MessageSent(client_message_id=one) if one == message_id:
            return Step("fact", place_of(found), found.timestamp, found.said)
        case SubmissionRejected(client_message_id=one) if one == message_id:
            return Step("refusal", place_of(found), found.timestamp, found.said)
        case SubmissionRepeated(client_message_id=one) if one == message_id:
            return Step("repeat", place_of(found), found.timestamp, found.said)
    return None


class Receipts:
    """The moves that first covered a message, for each other member."""

    def __init__(self, sent: MessageSent) -> None:
        self._sent = sent
        others = [m for m in members_of(sent.conversation_id) if m != sent.sender_id]
        self._missing = {(user, kind) for user in others for kind in MARKER_KINDS}

    @property
    def complete(self) -> bool:
        """Whether everyone has read it."""
        return not any(kind == "read" for _, kind in self._missing)

    def step(self, found: Readable) -> Step | None:
        """The step that a record of receipts is for this message, if any."""
        move = found.event
        if not isinstance(move, Move):
            return None
        kind = move.kind
        covers = move.conversation_id == self._sent.conversation_id and move.seq >= self._sent.seq
        if not covers or (move.user_id, kind) not in self._missing:
            return None
        self._missing.discard((move.user_id, kind))
        return Step(kind, place_of(found), found.timestamp, found.said)


def delivery_steps(found: Readable, sent: MessageSent) -> list[Step]:
    """What a record for a gateway brings of this message: itself, its ticks."""
    if not isinstance(found.event, FramesRouted):
        return []
    gateway = found.event.gateway_id
    steps = []
    for routed in found.event.frames:
        kind = _frame_kind(routed.frame, sent)
        if kind is not None:
            count = len(routed.session_ids)
            devices = "1 device" if count == 1 else f"{count} devices"
            said = f"{kind} goes to {devices} at {gateway}"
            steps.append(Step(f"to {gateway}: {kind}", place_of(found), found.timestamp, said))
    return steps


def first_of_each(steps: Iterable[Step]) -> list[Step]:
    """Of steps of the same kind only the first: later receipts cover the message again."""
    seen: dict[str, Step] = {}
    for step in steps:
        seen.setdefault(step.kind, step)
    return list(seen.values())


def summary(steps: Iterable[Step]) -> str:
    """How long it took, from the submission to each tick."""
    first: dict[str, int] = {}
    for step in steps:
        if step.at is not None:
            first[step.kind] = min(step.at, first.get(step.kind, step.at))
    began = first.get("submission", first.get("fact"))
    if began is None:
        return "Nothing is known of its beginning."
    if "refusal" in first and "fact" not in first:
        return f"Refused after {first['refusal'] - began} ms."
    parts = [
        f"{word} after {first[kind] - began} ms"
        for kind, word in (("fact", "accepted"), ("delivered", "delivered"), ("read", "read"))
        if kind in first
    ]
    if not parts:
        return "It is in the log and not decided yet: is admission running?"
    return (", ".join(parts) + ".").capitalize()


def _frame_kind(frame: bytes, sent: MessageSent) -> str | None:
    if sent.client_message_id.encode() in frame:
        content = json.loads(frame)
        if content.get("id") == sent.client_message_id:  # And not a text that quotes it.
            kind = content.get("type")
            return {"event": "the message", "accepted": "the first tick"}.get(kind)
    if not frame.startswith(b'{"type":"receipt"'):
        return None
    receipt = json.loads(frame)
    if receipt["conversation_id"] != sent.conversation_id or receipt["seq"] < sent.seq:
        return None
    return {"delivered": "the second tick", "read": "the third tick"}.get(receipt["kind"])
