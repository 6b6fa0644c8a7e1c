"""Two people and a gateway: messages, ticks, history, and what happens on a bad link."""

import asyncio

import pytest

from client.errors import ClientError, Refused, Unanswered
from client.messages import Tick
from tests.client.devices import bodies, device, take
from tests.client.model import ModelServer
from tests.client.server import DROP, once, running, soon

CONVERSATION = "d:ann:bob"
ANN, BOB = ("ann", "phone"), ("bob", "phone")


async def test_a_message_gets_its_three_ticks_and_both_see_one_order() -> None:
    async with running() as server, device(server, "ann") as ann, device(server, "bob") as bob:
        await bob.until_online(60)
        sent = await ann.send("bob", "hi")
        assert await sent.accepted(60) == 1
        await sent.delivered(60)
        await bob.read("ann")
        await sent.read(60)
        assert sent.tick is Tick.READ
        await (await bob.send("ann", "hello")).accepted(60)
        assert bodies(await take(ann, 2)) == bodies(await take(bob, 2)) == ["hi", "hello"]


async def test_250_messages_that_waited_arrive_in_order_and_in_pages() -> None:
    async with running() as server, device(server, "ann") as ann:
        texts = [f"message {n}" for n in range(250)]
        for text in texts:
            await ann.send("bob", text)
        await ann.until_sent(10)
        async with device(server, "bob") as bob:
            assert bodies(await take(bob, 250)) == texts
        fetches = [frame for frame in server.received if frame["type"] == "fetch"]
        assert [frame["after"] for frame in fetches] == [0, 100, 200]
        assert {frame["up_to"] for frame in fetches} == {250}


async def test_an_answer_that_is_lost_with_the_link_makes_no_second_message() -> None:
    async with running() as server, device(server, "ann") as ann:
        server.after = once(lambda _, frame: frame["type"] == "accepted", 1011)
        sent = [await ann.send("bob", text) for text in ("one", "two", "three")]
        assert [await message.accepted(60) for message in sent] == [1, 2, 3]
        assert [event["body"] for event in server.model.log[CONVERSATION]] == [
            "one",
            "two",
            "three",
        ]
        assert server.model.repeats > 0
        assert bodies(await take(ann, 3)) == ["one", "two", "three"]


async def test_what_overtakes_is_refused_and_the_earlier_goes_first() -> None:
    async with running() as server, device(server, "ann") as ann:
        await ann.until_online(60)
        server.before = once(lambda _, frame: frame.get("body") == "one", DROP)
        sent = [await ann.send("bob", text) for text in ("one", "two", "three")]
        assert [await message.accepted(60) for message in sent] == [1, 2, 3]
        sends = [frame for frame in server.received if frame["type"] == "send"]
        assert len(sends) > 3
        assert len({frame["id"] for frame in sends}) == 3


async def test_a_gap_in_what_is_live_is_filled_and_repeats_are_dropped() -> None:
    async with running() as server, device(server, "ann") as ann, device(server, "bob") as bob:
        await bob.until_online(60)
        server.after = once(lambda d, frame: d == BOB and frame.get("body") == "two", DROP)
        for text in ("one", "two", "three"):
            await (await ann.send("bob", text)).accepted(60)
        assert bodies(await take(bob, 3)) == ["one", "two", "three"]
        for event in server.model.log[CONVERSATION]:
            await server.push(BOB, event)
        await (await ann.send("bob", "four")).delivered(60)
        assert bodies(await take(bob, 1)) == ["four"]


async def test_ticks_that_were_missed_come_after_a_reconnect() -> None:
    async with running() as server, device(server, "ann") as ann, device(server, "bob") as bob:
        await bob.until_online(60)
        server.after = lambda d, frame: DROP if frame["type"] == "receipt" else None
        sent = await ann.send("bob", "hi")
        await sent.accepted(60)
        await soon(lambda: server.model.markers[CONVERSATION, "bob", "delivered"] == 1)
        server.after = lambda d, frame: None
        server.cut(ANN)
        await sent.delivered(60)


async def test_a_watermark_that_was_lost_is_told_again() -> None:
    async with running() as server, device(server, "ann") as ann, device(server, "bob") as bob:
        await bob.until_online(60)
        server.before = once(lambda d, frame: frame["type"] == "delivered", 1011)
        sent = await ann.send("bob", "hi")
        await sent.delivered(60)


async def test_a_refusal_reaches_the_one_who_wrote() -> None:
    async with running() as server, device(server, "ann") as ann:
        await ann.until_online(60)
        sent = await ann.send("d:bob:eve", "let me in")
        with pytest.raises(Refused) as refused:
            await sent.accepted(60)
        assert refused.value.code == "forbidden"
        assert await (await ann.send("bob", "still here")).accepted(60) == 1


async def test_unavailable_means_the_same_message_later() -> None:
    async with running() as server, device(server, "ann") as ann:
        await ann.until_online(60)

        def unavailable(_: object, frame: dict[str, object]) -> int | None:
            if frame["type"] == "send" and not tasks:
                error = {"type": "error", "code": "unavailable", "detail": "", "id": frame["id"]}
                error["retry_after_seconds"] = 0.3  # type: ignore[assignment]
                tasks.append(asyncio.ensure_future(server.push(ANN, error)))
                return DROP
            return None

        tasks: list[asyncio.Future[None]] = []
        server.before = unavailable
        began = asyncio.get_running_loop().time()
        await (await ann.send("bob", "hi")).accepted(60)
        assert asyncio.get_running_loop().time() - began >= 0.3
        sends = [frame for frame in server.received if frame["type"] == "send"]
        assert len({frame["id"] for frame in sends}) == 1


async def test_what_is_stale_is_synced_first_and_only_the_rest_is_sent_anew() -> None:
    model = ModelServer()
    async with running(model) as server, device(server, "ann") as ann:
        await ann.until_online(60)
        server.after = lambda d, frame: DROP if frame["type"] == "accepted" else None
        first = await ann.send("bob", "in the log, and nobody told me")
        await soon(lambda: len(model.log[CONVERSATION]) == 1)
        server.before = lambda d, frame: DROP if frame["type"] == "send" else None
        second = await ann.send("bob", "never came anywhere")
        old_id = second.id
        await soon(lambda: sum(frame["type"] == "send" for frame in server.received) == 2)
        server.cut(ANN)
        model.now += 3_600_000
        server.before = server.after = lambda d, frame: None
        assert [await first.accepted(60), await second.accepted(60)] == [1, 2]
        assert second.id != old_id
        assert [event["id"] for event in model.log[CONVERSATION]] == [first.id, second.id]


async def test_history_inbox_and_pages_come_from_the_server_when_asked() -> None:
    async with running() as server, device(server, "ann") as ann:
        for n in range(10):
            await ann.send("bob", f"message {n}")
        await ann.until_sent(5)
        page = await ann.fetch("bob", before=6, limit=3)
        assert [event.seq for event in page.events] == [3, 4, 5]
        assert page.next == 3
        assert [item.conversation_id for item in await ann.inbox()] == [CONVERSATION]
        assert bodies(await ann.history("bob", before=4)) == [f"message {n}" for n in range(3)]
        server.before = lambda d, frame: 1011 if frame["type"] == "inbox" else None
        with pytest.raises(Unanswered):
            await ann.inbox()


async def test_chats_list_the_newest_first_with_what_is_unread() -> None:
    async with (
        running() as server,
        device(server, "ann") as ann,
        device(server, "bob") as bob,
        device(server, "eve") as eve,
    ):
        for text in ("one", "two"):
            await (await ann.send("bob", text)).accepted(60)
        await (await eve.send("bob", "psst")).accepted(60)
        await take(bob, 3)
        assert [(c.others, c.unread) for c in bob.chats()] == [(("eve",), 1), (("ann",), 2)]
        await bob.read("ann", 1)
        assert bob.chats()[1].unread == 1
        await (await bob.send("ann", "what is on the screen was read", seen=2)).accepted(60)
        assert bob.chats()[0].unread == 0


@pytest.mark.parametrize(
    ("to", "body", "code"),
    [
        ("Bob!", "hi", "bad_recipient"),
        ("bob", "", "empty"),
        ("bob", "x" * 65_537, "too_large"),
        ("bob", "\x00" * 60_000, "too_large"),
        ("bob", "half \ud83d", "bad_text"),
    ],
)
async def test_what_would_end_the_connection_is_not_even_queued(
    to: str, body: str, code: str
) -> None:
    async with running() as server, device(server, "ann") as ann:
        with pytest.raises(ClientError) as refused:
            await ann.send(to, body)
        assert refused.value.code == code
        assert ann.state.unsent == 0
