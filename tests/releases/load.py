"""Pairs of people on every partition who write all the time, and Eve, who sends what is refused.

Her replies to what is not there are refused by every release, and by that of `newer.EVENT` with an
event that others do not know.
"""

import asyncio
from itertools import count
from types import TracebackType
from typing import Self

import aiohttp
import pytest

from client.errors import Refused
from client.messages import direct_conversation
from client.outgoing import Outgoing
from events.topics import PARTITIONS, partition_of
from infra.stack.stack import Stack
from tests.checkers import Seen
from tests.journeys.traffic import Person, Rows, Traffic
from tests.live import until
from tests.releases.log import dead_letters, facts

PAIRS = 6
PER_SECOND = 20.0
SETTLED_SECONDS = 240.0
"""Nobody waits for so long."""


class Load(Traffic):
    """Traffic that goes on inside the block, whatever is started or ended meanwhile."""

    def __init__(self, stack: Stack, http: aiohttp.ClientSession) -> None:
        super().__init__(stack, PAIRS, http)
        while len(set(map(partition_of, self.conversations))) < PARTITIONS:
            super().__init__(stack, PAIRS, http)
        self.eve = self.person(self.pairs[0][0].user_id.replace("ann", "eve"), 0)
        self.odd: list[Outgoing] = []
        self._enough = asyncio.Event()
        self._sending: asyncio.Task[None]

    @property
    def conversations(self) -> list[str]:
        return [direct_conversation(one.user_id, other.user_id) for one, other in self.pairs]

    @property
    def people(self) -> list[Person]:
        return [*super().people, self.eve]

    async def __aenter__(self) -> Self:
        await self.start()
        self._sending = asyncio.create_task(self.send(PER_SECOND, self._enough))
        await self.goes_on()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self._sending.cancel()
        await self.close()

    async def goes_on(self) -> None:
        """Wait until something that is sent from now on is accepted in every conversation."""
        before = {one: len(self.sent.get(one, ())) for one in self.conversations}
        await until(
            lambda: all(
                any(outgoing.seq for outgoing in self.sent.get(one, ())[number:])
                for one, number in before.items()
            ),
            seconds=SETTLED_SECONDS,
            what="a message accepted in every conversation",
        )

    async def send_odd(self) -> None:
        """Eve answers what is not there, on every partition."""
        for partition in range(PARTITIONS):
            names = (f"zoe-{number}" for number in count())
            zoe = next(
                name
                for name in names
                if partition_of(direct_conversation(self.eve.user_id, name)) == partition
            )
            self.odd.append(await self.eve.client.send(zoe, "What?", reply_to=1))

    def facts(self, conversation_id: str) -> list[Seen]:
        """The messages of a conversation as the log has them, whichever release decided."""
        return [
            Seen(
                fact.fields["seq"],
                fact.fields["client_message_id"],
                fact.fields["sender_id"],
                fact.fields["body"],
            )
            for fact in facts(self.stack, partition_of(conversation_id))
            if fact.event == "MessageSent" and fact.fields["conversation_id"] == conversation_id
        ]

    async def ends_whole(self) -> None:
        """Send no more; everything arrives everywhere, once and in order, and all of it is rows."""
        self._enough.set()
        await self._sending
        await self.settle(SETTLED_SECONDS)
        for outgoing in self.odd:
            with pytest.raises(Refused):
                await outgoing.accepted(SETTLED_SECONDS)
        rows = Rows(self.stack)
        try:
            await self.until_written(rows, SETTLED_SECONDS)
            assert self.wrong(rows) == []
        finally:
            rows.close()
        assert dead_letters(self.stack) == []
