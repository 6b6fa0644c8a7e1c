"""Unread on a device: the same cases as the server's, and what moves a read marker."""

from pathlib import Path

import pytest

from client.effects import MessageStored
from client.memory import MemoryStore
from client.messages import Message, Tick
from client.store import SqliteStore, Store
from tests.client.devices import device, take
from tests.client.server import running, soon
from tests.unread import CASES, NAMES, Case

CONVERSATION = "d:ann:bob"


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_a_device_counts_what_others_wrote_above_the_read_marker(
    case: Case, kind: str, tmp_path: Path
) -> None:
    store: Store = MemoryStore() if kind == "memory" else SqliteStore(tmp_path / "ann.db")
    store.save(
        [
            MessageStored(
                Message(CONVERSATION, seq, f"{seq}", NAMES[letter], "x", "text", "", None, seq)
            )
            for seq, letter in enumerate(case.facts, 1)
            if letter != "."
        ]
    )
    assert store.unread(CONVERSATION, case.read, "ann") == case.unread
    store.close()


async def test_to_answer_is_not_to_have_read_but_what_was_on_the_screen_counts() -> None:
    async with running() as server, device(server, "ann") as ann, device(server, "bob") as bob:
        await bob.until_online(60)
        sent = [await ann.send("bob", f"{n}") for n in range(3)]
        await take(bob, 3)
        await (await bob.send("ann", "without looking")).accepted(60)
        assert [chat.unread for chat in bob.chats()] == [3]
        assert server.model.markers[CONVERSATION, "bob", "read"] == 0
        await (await bob.send("ann", "looking at two of them", seen=2)).accepted(60)
        assert [chat.unread for chat in bob.chats()] == [1]
        await sent[1].read(60)
        await sent[2].delivered(60)
        assert sent[2].tick is Tick.DELIVERED


async def test_written_offline_it_marks_nothing_that_its_writer_had_not_seen() -> None:
    async with running() as server, device(server, "ann") as ann:
        store = MemoryStore()
        async with device(server, "bob", store=store) as bob:
            await bob.until_online(60)
        async with device("ws://127.0.0.1:1/v1/ws", "bob", store=store) as bob:
            await bob.send("ann", "written offline")
        sent = [await ann.send("bob", f"{n}") for n in range(5)]
        await sent[-1].accepted(60)
        async with device(server, "bob", store=store) as bob:
            await bob.until_sent(60)
            await bob.until_caught_up(60)
            assert [chat.unread for chat in bob.chats()] == [5]
            await sent[-1].delivered(60)
            assert server.model.markers[CONVERSATION, "bob", "read"] == 0


async def test_a_note_to_oneself_is_read_when_it_is_accepted() -> None:
    async with (
        running() as server,
        device(server, "ann") as phone,
        device(server, "ann", name="laptop") as laptop,
    ):
        await laptop.until_online(60)
        note = await phone.send("ann", "remember the milk")
        await note.read(60)
        assert [one.body for one in await take(laptop, 1)] == ["remember the milk"]
        assert [chat.unread for chat in (*phone.chats(), *laptop.chats())] == [0, 0]
        assert not phone.state.conversations["d:ann:ann"].waits_for_ticks("ann")


async def test_what_was_read_on_another_device_while_this_one_was_away_is_no_longer_unread() -> (
    None
):
    async with (
        running() as server,
        device(server, "ann") as ann,
        device(server, "bob", name="laptop") as laptop,
    ):
        store = MemoryStore()
        async with device(server, "bob", store=store) as phone:
            await phone.until_online(60)
            for n in range(4):
                await (await ann.send("bob", f"{n}")).accepted(60)
            await take(phone, 4)
            await soon(lambda: server.model.markers[CONVERSATION, "bob", "delivered"] == 4)
        await take(laptop, 4)
        await laptop.read("ann")
        await soon(lambda: server.model.markers[CONVERSATION, "bob", "read"] == 4)
        async with device(server, "bob", store=store) as phone:
            await soon(lambda: [chat.unread for chat in phone.chats()] == [0], 60)


async def test_what_the_log_lost_after_it_had_it_is_told_again_once_an_answer_lacks_it() -> None:
    key = (CONVERSATION, "bob", "read")
    async with running() as server, device(server, "ann") as ann:
        store = MemoryStore()
        async with device(server, "bob", store=store) as bob:
            for n in range(4):
                await (await ann.send("bob", f"{n}")).accepted(60)
            await take(bob, 4)
            await bob.read("ann")
            await soon(lambda: server.model.markers[key] == 4)
            await soon(lambda: not bob.state.conversations[CONVERSATION].unsettled, 60)
        server.model.markers[key] = 0
        async with device(server, "bob", name="laptop") as laptop:  # nothing new is to be told of
            await (await laptop.send("ann", "while the phone was away")).accepted(60)
        async with device(server, "bob", store=store) as bob:
            await take(bob, 1)
            await soon(lambda: server.model.markers[key] == 4, 60)
            assert [chat.unread for chat in bob.chats()] == [0]
