"""Target `frames`: the bytes of one text message, as the session of Ann's phone takes it.

Outcome: `taken`, the code of the error frame, or `closed-<code>`. Both readers of JSON agree, every
answer is small and can be sent, and whatever is published or marked is Ann's and can be read.
"""

import msgspec

from edge.effects import Ask, Check, Close, Effects, Mark, Refuse, Reply, Submit
from edge.frames import parse
from edge.limits import Limits, UserRates
from edge.session import Session
from edge.strict_json import NotTaken, decode, decode_slowly
from edge.tokens import Principal, Refusal
from events.receipts import MarkersSubmitted
from tests.fuzz.fault import must
from tests.fuzz.keys import KEY_ID, NOW, UNTIL, FixedKeyring
from tests.simulation.parts import CODEC

ANN = Principal("ann", "phone", UNTIL, KEY_ID)

_ANSWER_BYTES_MAX = 4_096
_KEYRING = FixedKeyring()


def receive(data: bytes) -> str:
    """What a session makes of a text message."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return "no-text"
    must(_value(decode, text) == _value(decode_slowly, text), "two readers see two values")
    must(parse(text) == parse(text), "the same text is two frames")
    session = Session(("gateway-1", "epoch"), Limits(), UserRates(Limits()), 0.0)
    session.authenticated(ANN, 1, 0.0, NOW)
    session.registered(NOW)
    outcome = "taken"
    for effect in _checked(session, session.receive(text, 1.0)):
        check(effect)
        if isinstance(effect, Close):
            outcome = f"closed-{int(effect.code)}"
        elif isinstance(effect, Refuse):
            outcome = effect.code.value
    return outcome


def check(effect: object) -> None:
    """Whether an effect is one that may be carried out."""
    if isinstance(effect, Submit | Ask):
        event = effect.event
        speaker = getattr(event, "sender_id", None) or event.user_id  # type: ignore[attr-defined]
        device = event.device_id  # type: ignore[attr-defined]
        must((speaker, device) == ("ann", "phone"), f"{speaker}/{device} speaks")
        must(CODEC.decode(CODEC.encode(event)) == event, "what is published cannot be read")
    elif isinstance(effect, Mark):
        marker = effect.marker
        must((marker.user_id, marker.device_id) == ("ann", "phone"), "a marker of somebody else")
        packed = MarkersSubmitted(markers=(marker,))
        must(CODEC.decode(CODEC.encode(packed)) == packed, "what is marked cannot be read")
    elif isinstance(effect, Reply | Refuse):
        msgspec.json.decode(effect.frame)
        must(len(effect.frame) <= _ANSWER_BYTES_MAX, "the answer is too long")


def _checked(session: Session, effects: Effects) -> list[object]:
    """The effects, with what follows from a token that is to be checked."""
    found: list[object] = []
    for effect in effects:
        if not isinstance(effect, Check):
            found.append(effect)
            continue
        believed = _KEYRING.check(effect.token, "192.0.2.1")
        if isinstance(believed, Refusal):
            found += session.refused(believed)
        else:
            found += session.authenticated(believed, 1, 1.0, NOW)
            must(session.principal == ANN, "the session is somebody else's now")
    return found


def _value(reader: object, text: str) -> str:
    try:
        return repr(reader(text))  # type: ignore[operator]
    except NotTaken as error:
        return f"refused: {error}"
