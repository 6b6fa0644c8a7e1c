"""Devices with many conversations: nothing is left out, and nothing is ever too fast."""

import pytest

from client.messages import Problem, Tick
from client.pace import Gate
from client.refresh import Refresh
from client.walk import Walk
from edge.limits import Limits, UserRates
from tests.client.devices import device as device_of
from tests.client.devices import take
from tests.client.gateway import Connected
from tests.client.model import ModelServer
from tests.client.server import DROP, running, soon


def customers(count: int, *, sender: str = "", messages: int = 1) -> ModelServer:
    """A server on which each of so many customers has a conversation with the shop."""
    model = ModelServer()
    for n in range(count):
        customer = f"c{n:05}"
        for seq in range(1, messages + 1):
            model.write(sender or customer, f"d:{customer}:shop", f"{customer} {seq}")
    return model


def problems(device: Connected) -> list[Problem]:
    return [notice for notice in device.notices if isinstance(notice, Problem)]


def test_a_device_with_2500_unsettled_watermarks_is_not_locked_out() -> None:
    model = customers(2_500)
    device = Connected(model, "shop", Limits())
    device.connect()
    device.run(lambda: len(device.state.conversations) == 2_500)
    device.run(lambda: device.state.caught_up)
    device.disconnect()
    for conversation in device.state.conversations.values():
        conversation.unsettled, conversation.confirmed = True, (0, 0)
    device.connect()
    device.run()
    assert (device.closed, device.refused) == ([], [])
    assert not any(one.unsettled for one in device.state.conversations.values())
    assert sum(frame["type"] == "marks" for frame in device.told) <= 60
    device.disconnect()
    device.connect()
    device.run()
    assert not any(frame["type"] == "marks" for frame in device.told), "the server has them"


def test_a_new_device_shows_1000_conversations_at_once_and_is_never_too_fast() -> None:
    model = customers(1_000)
    device = Connected(model, "shop", Limits())
    device.connect()
    seconds = device.run(lambda: any(one.listed for one in device.state.conversations.values()))
    assert seconds < 0.2, "a few round trips of 40 ms each"
    newest = [one.preview.body for one in device.state.conversations.values() if one.preview]
    assert len(newest) == 50
    device.run()
    assert (device.closed, device.refused, problems(device)) == ([], [], [])
    assert len(device.store.unhanded(2_000)) == 1_000
    assert {one.listed_unread for one in device.state.conversations.values()} == {1}
    assert all(model.markers[one, "shop", "delivered"] == 1 for one in model.log)


@pytest.mark.parametrize("count", [49, 50, 51, 120])
def test_ticks_and_reads_that_moved_while_a_device_was_away_are_all_told(count: int) -> None:
    assert seen_after_a_while(count) == ({Tick.READ}, {2})


def test_reading_only_the_first_page_of_the_inbox_would_be_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Refresh, "answered", lambda self, one, _: Walk.answered(self, one, None))
    assert seen_after_a_while(50) == ({Tick.READ}, {2})
    assert seen_after_a_while(51) != ({Tick.READ}, {2})


def seen_after_a_while(count: int) -> tuple[set[Tick], set[int]]:
    """The ticks and read markers at a device, after all that it had moved while it was away."""
    model = customers(count, sender="shop")
    for name in list(model.log):
        model.write(name.split(":")[1], name, "an answer")
    device = Connected(model, "shop", Limits())
    device.connect()
    device.run()
    device.disconnect()
    for name in model.log:
        customer = name.split(":")[1]
        model.handle((customer, "phone"), {"type": "read", "conversation_id": name, "seq": 1})
        model.handle(("shop", "till"), {"type": "read", "conversation_id": name, "seq": 2})
    device.connect()
    device.run()
    ticks = {device.state.tick(name, 1) for name in model.log}
    return ticks, {one.read for one in device.state.conversations.values()}


def test_who_waits_for_nothing_asks_for_nothing() -> None:
    model = customers(120, sender="shop")
    device = Connected(model, "shop", Limits())
    device.connect()
    device.run()
    for name in model.log:
        model.handle(
            (name.split(":")[1], "phone"), {"type": "read", "conversation_id": name, "seq": 1}
        )
    device.disconnect()
    device.connect()
    device.run()
    device.disconnect()
    device.connect()
    device.run()
    assert device.told == []


def test_another_device_that_takes_the_allowance_makes_this_one_wait_and_not_complain() -> None:
    model = customers(400)
    limits = Limits()
    users = UserRates(limits)
    device = Connected(model, "shop", limits, users)
    device.connect()
    for _ in range(limits.query_burst):
        users.queries.take("shop", model.now / 1_000)
    for _ in range(limits.mark_burst):
        users.marks.take("shop", model.now / 1_000)
    device.run()
    assert device.closed == []
    assert "rate_limited" in device.refused
    assert problems(device) == []
    assert len(device.store.unhanded(2_000)) == 400


@pytest.mark.parametrize(
    "limits",
    [
        Limits(queries_per_minute=60, query_burst=5),
        Limits(marks_per_minute=120, mark_burst=10),
        Limits(in_flight=2),
    ],
)
def test_whatever_is_announced_is_kept(limits: Limits) -> None:
    device = synced(limits)
    assert (device.closed, device.refused, problems(device)) == ([], [], [])
    assert not any(one.unsettled for one in device.state.conversations.values())


def test_frames_without_a_pace_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Gate, "passes", lambda self, now, out, count=1: True)
    assert synced(Limits(marks_per_minute=120, mark_burst=10)).refused
    assert synced(Limits(queries_per_minute=60, query_burst=5)).refused


def synced(limits: Limits) -> Connected:
    """A new device with 60 conversations, once it has everything."""
    device = Connected(customers(60), "shop", limits)
    device.connect()
    device.run()
    return device


async def test_chats_are_listed_before_their_messages_are_here() -> None:
    async with running(customers(120)) as server:
        server.after = lambda _, frame: DROP if frame["type"] == "page" else None
        async with device_of(server, "shop") as shop:
            await soon(lambda: len([chat for chat in shop.chats() if chat.newest]) == 120, 60)
            assert {chat.unread for chat in shop.chats()} == {1}
            assert {chat.newest.body[-1] for chat in shop.chats() if chat.newest} == {"1"}
            assert len(await shop.inbox(limit=110)) == 110
            server.after = lambda _, frame: None
            server.cut(("shop", "phone"))
            assert len({one.id for one in await take(shop, 120)}) == 120
