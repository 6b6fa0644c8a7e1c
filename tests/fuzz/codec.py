"""Target `codec`: the bytes of one record, as any consumer decodes them.

Outcome: `taken`, or the code of the DecodeError. What is taken is one event and nothing more: it
comes out the same when it is encoded again, one byte more or less makes it none, and it is not
larger than its bytes can pay for.
"""

import msgspec

from events.codec import _REMEMBERED_EVENTS, DecodeError, UnknownSchema
from tests.fuzz.fault import must
from tests.fuzz.schemas import codec

CODEC = codec()

_GROWTH = 64
"""An item of a list costs five bytes or more, and its JSON, with all names, some hundred."""
_FIXED = 4_096


def decode(data: bytes) -> str:
    """What the codec makes of some bytes."""
    remembered = len(CODEC._newest) + len(CODEC._newer)
    must(remembered <= 2 * _REMEMBERED_EVENTS, f"{remembered} events are remembered")
    try:
        event = CODEC.decode(data)
    except DecodeError as error:
        must(len(error.detail) < 500, "a reason is too long")
        return error.code
    except UnknownSchema:
        return "unknown_schema"
    size = len(msgspec.json.encode(event))
    must(size <= _FIXED + _GROWTH * len(data), f"{len(data)} bytes became {size}")
    must(CODEC.decode(CODEC.encode(event)) == event, "it is another event when encoded again")
    must(not _is_event(data + b"\0"), "bytes behind its end are passed over")
    must(not _is_event(data[:-1]), "it does not need its last byte")
    return "taken"


def _is_event(data: bytes) -> bool:
    try:
        CODEC.decode(data)
    except (DecodeError, UnknownSchema):
        return False
    return True
