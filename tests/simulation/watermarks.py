"""Watermarks that a gateway took: while it lives, all of them come to the log."""

import json
from collections.abc import Iterator

from events.codec import DecodeError, UnknownSchema
from events.conversations import MessageSent
from events.ids import members_of
from events.receipts import Move, ReadMarkerMoved
from events.topics import CONVERSATIONS, RECEIPTS
from tests.simulation.kafka import Log
from tests.simulation.machine import Process
from tests.simulation.parts import CODEC
from tests.simulation.releases import newer

_READS_ALL = newer(CODEC)
_KINDS = ("delivered", "read")


class Watermarks:
    """What was told to which process."""

    def __init__(self) -> None:
        self._told: list[tuple[Process, str, str, str, int]] = []

    def taken(self, gateway: Process, user: str, frame: bytes) -> None:
        """A gateway took a frame of a user whose session is open."""
        text = frame[frame.find(b"{") :]
        if any(f'"type":"{kind}"'.encode() in text.replace(b" ", b"") for kind in _KINDS):
            said = json.loads(text)
            self._told.append(
                (gateway, said["conversation_id"], user, said["type"], int(said["seq"]))
            )

    def missing(self, log: Log) -> Iterator[str]:
        """Those of gateways that live which the log lacks, now that all is at rest."""
        newest: dict[str, int] = {}
        moved: dict[tuple[str, str, str], int] = {}
        for record in [*log.of(CONVERSATIONS.name), *log.of(RECEIPTS.name)]:
            try:
                event = _READS_ALL.decode(record.value())
            except (DecodeError, UnknownSchema):
                continue
            if isinstance(event, MessageSent):
                newest[event.conversation_id] = event.seq
            elif isinstance(event, Move):
                for kind in _KINDS if isinstance(event, ReadMarkerMoved) else _KINDS[:1]:
                    key = (event.conversation_id, event.user_id, kind)
                    moved[key] = max(event.seq, moved.get(key, 0))
        for gateway, conversation_id, user, kind, seq in self._told:
            reached = moved.get((conversation_id, user, kind), 0)
            is_true = user in members_of(conversation_id) and seq <= newest.get(conversation_id, 0)
            if gateway.alive and is_true and reached < seq:
                yield f"{user} {kind} {seq} of {conversation_id}, the log says {reached}"
