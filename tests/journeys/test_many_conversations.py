"""Somebody with more conversations than one page of the inbox shows."""

import asyncio
import uuid
from collections.abc import Sequence

import pytest

from client.client import Client
from client.memory import MemoryStore
from client.messages import LinkChanged, Notice, Problem, Tick, direct_conversation
from tests.journeys.traffic import Traffic
from tests.live import until

CONVERSATIONS = 60
_AT_ONCE = 10
_SECONDS = 120.0

pytestmark = pytest.mark.timeout(900)


async def everybody_reads(traffic: Traffic, names: Sequence[str], shop: str) -> None:
    """Each customer comes, reads what the shop wrote, and leaves once the shop is told so."""
    turns = asyncio.Semaphore(_AT_ONCE)

    async def come(number: int, name: str) -> None:
        async with turns:
            person = traffic.person(name, number)
            await person.start()
            conversation = direct_conversation(name, shop)
            await asyncio.wait_for(person.until_shown(conversation, 1), _SECONDS)
            await until_settled(person.client)
            await person.close()

    await asyncio.gather(*(come(number, name) for number, name in enumerate(names)))


async def until_settled(client: Client) -> None:
    """Wait until the log has every watermark of this device."""
    known = client.state.conversations
    await until(lambda: not any(one.unsettled for one in known.values()), seconds=_SECONDS)


async def test_a_device_that_was_away_is_told_how_all_its_conversations_stand(
    traffic: Traffic,
) -> None:
    shop = f"shop-{uuid.uuid4().hex[:6]}"
    names = [f"{shop}-c{number:03}" for number in range(CONVERSATIONS)]
    conversations = [direct_conversation(shop, name) for name in names]
    store = MemoryStore()
    first = traffic.person(shop, 0, store=store)
    await first.start()
    await first.client.until_online(_SECONDS)
    sent = [await first.client.send(name, f"to {name}") for name in names]
    for message in sent:
        await message.accepted(_SECONDS)
    await first.close()

    await everybody_reads(traffic, names, shop)

    again = traffic.person(shop, 1, store=store)
    await again.start()
    await again.client.until_caught_up(_SECONDS)
    state = again.client.state
    await until(
        lambda: {state.tick(one, 1) for one in conversations} == {Tick.READ}, seconds=_SECONDS
    )
    await again.close()


async def test_a_new_device_shows_all_conversations_and_is_never_too_fast(
    traffic: Traffic,
) -> None:
    shop = f"shop-{uuid.uuid4().hex[:6]}"
    names = [f"{shop}-c{number:03}" for number in range(CONVERSATIONS)]
    first = traffic.person(shop, 0)
    await first.start()
    await first.client.until_online(_SECONDS)
    for message in [await first.client.send(name, f"to {name}") for name in names]:
        await message.accepted(_SECONDS)

    news: list[Notice] = []
    new = traffic.person(shop, 1, "new-phone", on_notice=news.append)
    await new.start()
    await new.client.until_caught_up(_SECONDS)
    chats = new.client.chats
    await until(
        lambda: sum(bool(chat.newest) for chat in chats()) == CONVERSATIONS, seconds=_SECONDS
    )
    assert {chat.unread for chat in new.client.chats()} == {0}
    inbox = await new.client.inbox(limit=2 * CONVERSATIONS)
    assert sorted(item.conversation_id for item in inbox) == sorted(
        direct_conversation(shop, name) for name in names
    )
    # On a slow machine history may be late for a while; the client then says so and tries again.
    problems = {notice.code for notice in news if isinstance(notice, Problem)}
    assert problems <= {"history_unavailable"}
    assert not [one for one in news if isinstance(one, LinkChanged) and "too_many" in one.detail]
    await new.close()
    await first.close()
