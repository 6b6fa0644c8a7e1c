"""Two releases that share a log: what the newer one writes, and what the older one makes of it.

The newer release either has further events (a fact and a move), or a further field in a fact. In
the simulator a further event is a known one under an id that the older release does not know, so
that the same checks tell what became of it. The registry knows every id; the older release asks it.
"""

from copy import copy
from typing import Any, Literal

from msgspec import Struct

from events.codec import Codec, schema_of
from events.messages import MessageSent
from events.receipts import DeliveredMarkerMoved

News = Literal["event", "field"]
"""What the newer release brings."""

NEWS: tuple[News, ...] = ("event", "field")

_FACT, _MOVE, _FIELD = 9_001, 9_002, 9_003
_HEADER_BYTES = 5


def _renamed(event: type[Struct], name: str) -> dict[str, Any]:
    return schema_of(event) | {"name": name}


def _with_field() -> dict[str, Any]:
    schema = schema_of(MessageSent)
    schema["fields"].append({"name": "mood", "type": "string", "default": ""})
    return schema


REGISTERED: dict[int, dict[str, Any]] = {
    _FACT: _renamed(MessageSent, "MessagePinned"),
    _MOVE: _renamed(DeliveredMarkerMoved, "PlayedMarkerMoved"),
    _FIELD: _with_field(),
}
"""Schemas of the newer release by the id that the registry gave them."""


class NewerCodec(Codec):
    """The codec of the newer release."""

    news: News | None = None

    def encode(self, event: Struct) -> bytes:
        data = super().encode(event)
        if self.news == "field" and isinstance(event, MessageSent):
            return _header(_FIELD) + data[_HEADER_BYTES:] + b"\x06sad"
        if self.news == "event" and isinstance(event, MessageSent) and event.seq % 2 == 0:
            return _header(_FACT) + data[_HEADER_BYTES:]
        if self.news == "event" and isinstance(event, DeliveredMarkerMoved):
            return _header(_MOVE) + data[_HEADER_BYTES:]
        return data


def older(codec: Codec) -> Codec:
    """A codec of a process of the older release, which may learn."""
    own = copy(codec)
    own._readers, own._beyond = dict(codec._readers), dict(codec._beyond)
    own._newest, own._newer = {}, {}
    return own


def newer(codec: Codec, news: News | None = None) -> NewerCodec:
    """A codec of a process of the newer release; without news it only reads them."""
    own = older(codec)
    own.__class__ = NewerCodec
    assert isinstance(own, NewerCodec)
    own.news = news
    for event, schema_id in ((MessageSent, _FACT), (DeliveredMarkerMoved, _MOVE)):
        own._readers[_header(schema_id)] = own._readers[own._writers[event][0]]
    own.learn(_FIELD, REGISTERED[_FIELD])
    return own


def _header(schema_id: int) -> bytes:
    return b"\x00" + schema_id.to_bytes(4, "big")
