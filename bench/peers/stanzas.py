"""XMPP's stream of stanzas as a client reads and writes it. Pure.

In: the bytes a server sent, in any pieces. Out: whole stanzas. Nothing is parsed that need not be:
a stanza ends with the closing tag of its own name. Servers escape `>` in attributes, which spares a
look into them.
"""

import base64
import re
from collections.abc import Callable

IsAnswer = Callable[[bytes], bool]

_NAME = re.compile(rb"<([^\s/>]+)")
_STREAM = b"stream:stream"
_MESSAGE = re.compile(rb"""\sid=['"]r([0-9a-f]{8})-(\d+)-(\d+)['"]""")
_HANDLED = re.compile(rb"""\sh=['"](\d+)['"]""")
_OWN = re.compile(rb"""<status\s[^>]*code=['"]110['"]""")
_ERROR = re.compile(rb"""^<[^>]*\stype=['"]error['"]""")


class StanzaReader:
    """Bytes of a server, in any pieces, to stanzas; the header and end of the stream are ones."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The stanzas that these bytes complete."""
        if self._rest:
            data = self._rest + data
        found: list[bytes] = []
        at = 0
        while (start := data.find(b"<", at)) >= 0:
            end = _end(data, start)
            if end < 0:
                self._rest = data[start:]
                return found
            found.append(data[start:end])
            at = end
        self._rest = b""
        return found


def _end(data: bytes, start: int) -> int:
    """Where the stanza that begins here ends; -1 when that has not come yet."""
    tag_end = data.find(b">", start) + 1
    if not tag_end:
        return -1
    if data[start + 1] in b"?/" or data[tag_end - 2] == ord("/"):
        return tag_end
    matched = _NAME.match(data, start)
    name = matched[1] if matched else b""
    if name == _STREAM:
        return tag_end
    opening, closing = b"<" + name, b"</" + name + b">"
    at, deep = tag_end, 1
    while deep:
        close = data.find(closing, at)
        if close < 0:
            return -1
        if opening in data[at:close]:
            deep += _opened(data[at:close], opening)
        at = close + len(closing)
        deep -= 1
    return at


def _opened(inside: bytes, opening: bytes) -> int:
    """How many elements of this name are opened and not closed at once."""
    tags = re.findall(re.escape(opening) + rb"(?:\s[^>]*)?>", inside)
    return sum(not tag.endswith(b"/>") for tag in tags)


def message_of(stanza: bytes) -> tuple[int, int, int] | None:
    """The run, number and place in order of one of our messages."""
    found = _MESSAGE.search(stanza)
    return (int(found[1], 16), int(found[2]), int(found[3])) if found else None


def handled(stanza: bytes) -> int:
    """Up to which stanza the server has handled ours (XEP-0198)."""
    found = _HANDLED.search(stanza)
    return int(found[1]) if found else 0


def is_error(stanza: bytes) -> bool:
    """Whether it says that something of ours was refused."""
    return _ERROR.match(stanza) is not None


def is_features(stanza: bytes) -> bool:
    """Whether the stream is open."""
    return stanza.startswith(b"<stream:features")


def is_sasl(stanza: bytes) -> bool:
    """Whether it says how a log-in ended."""
    return stanza.startswith((b"<success", b"<failure"))


def is_enabled(stanza: bytes) -> bool:
    """Whether XEP-0198 is on."""
    return stanza.startswith(b"<enabled")


def is_iq(wanted_id: str) -> IsAnswer:
    """Whether it answers a request of this id, with a result or an error."""
    pattern = re.compile(rf"""<iq\s[^>]*\bid=['"]{wanted_id}['"]""".encode())
    return lambda stanza: pattern.match(stanza) is not None


def is_own_presence(stanza: bytes) -> bool:
    """Whether a room says that we are in it."""
    return stanza.startswith(b"<presence") and _OWN.search(stanza) is not None


def header(domain: str) -> bytes:
    """The beginning of a stream."""
    return (
        f"<?xml version='1.0'?><stream:stream to='{domain}' version='1.0' xmlns='jabber:client' "
        "xmlns:stream='http://etherx.jabber.org/streams'>"
    ).encode()


def register(name: str, password: str) -> bytes:
    """Make an account (XEP-0077)."""
    return (
        "<iq type='set' id='register'><query xmlns='jabber:iq:register'>"
        f"<username>{name}</username><password>{password}</password></query></iq>"
    ).encode()


def log_in(name: str, password: str) -> bytes:
    """SASL PLAIN."""
    secret = base64.b64encode(f"\0{name}\0{password}".encode()).decode()
    return (
        f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{secret}</auth>"
    ).encode()


BIND = (
    b"<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
    b"<resource>bench</resource></bind></iq>"
)
ENABLE_ACKS = b"<enable xmlns='urn:xmpp:sm:3'/>"
ASK_FOR_ACK = b"<r xmlns='urn:xmpp:sm:3'/>"
PRESENT = b"<presence/>"
ARE_YOU_THERE = b"<iq type='get' id='ping'><ping xmlns='urn:xmpp:ping'/></iq>"
END = b"</stream:stream>"


def ack(count: int) -> bytes:
    """So many stanzas of the server were handled."""
    return f"<a xmlns='urn:xmpp:sm:3' h='{count}'/>".encode()


def enter(room: str, nickname: str) -> bytes:
    """Go into a room (XEP-0045), without its history."""
    return (
        f"<presence to='{room}/{nickname}'><x xmlns='http://jabber.org/protocol/muc'>"
        "<history maxstanzas='0'/></x></presence>"
    ).encode()


def unlock(room: str) -> bytes:
    """Open a new room to others, with the settings that the server gives it."""
    return (
        f"<iq type='set' id='unlock' to='{room}'>"
        "<query xmlns='http://jabber.org/protocol/muc#owner'>"
        "<x xmlns='jabber:x:data' type='submit'/></query></iq>"
    ).encode()
