"""A scripted XMPP server: another reader of the stream, no store, and faults on demand."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

_STANZA = re.compile(
    rb"<stream:stream[^>]*>|</stream:stream>|<(auth|message|iq)\b.*?</\1>"
    rb"|<(presence|enable|r|a)\b[^>]*/>|<presence\b.*?</presence>",
    re.DOTALL,
)
_TO = re.compile(rb" to='([^@']+)(?:@[^']*)?'")
_ID = re.compile(rb" id='([^']+)'")


@dataclass
class ScriptedXmpp:
    """Answers at once. Every `nth` message (0: none) meets the fault."""

    fault: str = "none"
    nth: int = 10
    messages: int = 0
    acks_of_clients: list[int] = field(default_factory=list)
    writers: dict[str, asyncio.StreamWriter] = field(default_factory=dict)
    held: list[tuple[asyncio.StreamWriter, bytes]] = field(default_factory=list)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[int]:
        server = await asyncio.start_server(self._client, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for writer in self.writers.values():
                writer.close()

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        rest, name, handled = b"", "", 0
        while data := await reader.read(65_536):
            rest += data
            while found := _STANZA.search(rest):
                stanza, rest = found[0], rest[found.end() :]
                if stanza.startswith(b"<iq") and b"<username>" in stanza:
                    name = re.search(rb"<username>(.*?)</username>", stanza)[1].decode()
                    self.writers[name] = writer
                if stanza.startswith((b"<message", b"<iq", b"<presence")):
                    handled += 1
                if stanza.startswith(b"<enable"):
                    handled = 0
                if stanza.startswith(b"<a "):
                    self.acks_of_clients.append(int(re.search(rb"h='(\d+)'", stanza)[1]))
                self._take(name, writer, stanza, handled)

    def _take(self, name: str, writer: asyncio.StreamWriter, stanza: bytes, handled: int) -> None:
        if stanza.startswith(b"<stream"):
            writer.write(b"<?xml version='1.0'?><stream:stream id='1'><stream:features/>")
        elif stanza.startswith(b"<auth"):
            writer.write(b"<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")
        elif stanza.startswith(b"<enable"):
            writer.write(b"<enabled xmlns='urn:xmpp:sm:3'/>")
        elif stanza.startswith(b"<r "):
            writer.write(b"<a xmlns='urn:xmpp:sm:3' h='%d'/>" % handled)
        elif stanza.startswith(b"<iq"):
            writer.write(b"<iq type='result' id='%s'/>" % _ID.search(stanza)[1])
        elif stanza.startswith(b"<presence to="):
            writer.write(b"<presence><x><status code='110'/></x></presence>")
        elif stanza.startswith(b"<message"):
            self._message(stanza)

    def _message(self, stanza: bytes) -> None:
        self.messages += 1
        fault = self.fault if self.messages % self.nth == 0 else "none"
        to = _TO.search(stanza)[1].decode()
        everyone = [self.writers[to]] if to != "everyone" else list(self.writers.values())
        for place, writer in enumerate(everyone):
            # In a group only the last member meets the fault.
            if fault == "none" or place < len(everyone) - 1:
                writer.write(stanza)
                while self.held and self.held[0][0] is writer:
                    writer.write(self.held.pop(0)[1])
            elif fault == "double":
                writer.write(stanza + stanza)
            elif fault == "reorder":
                self.held.append((writer, stanza))
            elif fault == "bounce":
                writer.write(stanza.replace(b"type='chat'", b"type='error'"))
            writer.write(b"<r xmlns='urn:xmpp:sm:3'/>")
