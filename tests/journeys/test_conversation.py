"""What people do every day, through real sockets."""

import asyncio
import time
import uuid

from client.messages import Tick, direct_conversation
from infra.stack.stack import Stack
from tests.checkers import same_view
from tests.journeys.traffic import Rows, Traffic
from tests.live import WAIT_SECONDS, until


async def test_three_ticks_on_two_gateways(traffic: Traffic) -> None:
    ann, bob = traffic.pairs[0]
    outgoing = await ann.client.send(bob.user_id, "Hello, Bob")
    assert await outgoing.accepted(60) == 1
    await outgoing.delivered(60)
    await outgoing.read(60)
    assert outgoing.tick is Tick.READ


async def test_both_directions_share_one_order(traffic: Traffic, rows: Rows) -> None:
    stop = asyncio.Event()
    sending = asyncio.create_task(traffic.send(100, stop))
    await asyncio.sleep(2)
    stop.set()
    await sending
    await traffic.settle(120)
    await traffic.until_written(rows, 120)

    assert await asyncio.to_thread(traffic.wrong, rows) == []


async def test_a_device_that_was_away_gets_everything_in_order(traffic: Traffic) -> None:
    ann, bob = traffic.pairs[1]
    conversation = direct_conversation(ann.user_id, bob.user_id)
    first = await ann.client.send(bob.user_id, "before")
    await first.read(60)
    await bob.close()
    waiting = [await ann.client.send(bob.user_id, f"while away {n}") for n in range(250)]
    await waiting[-1].accepted(60)
    again = traffic.person(bob.user_id, 0)
    again.shown = bob.shown
    await again.start()
    await again.until_shown(conversation, 250)

    seqs = [seen.seq for seen in again.shown[conversation]]
    assert sorted(set(seqs)) == list(range(1, 252))
    await waiting[-1].read(60)
    await again.close()


async def test_a_second_device_of_the_sender_sees_the_same(traffic: Traffic) -> None:
    ann, bob = traffic.pairs[2]
    conversation = direct_conversation(ann.user_id, bob.user_id)
    laptop = traffic.person(ann.user_id, 1, "laptop")
    await laptop.start()
    await laptop.client.until_online(60)
    for n in range(20):
        sender, receiver = (ann, bob) if n % 2 else (bob, ann)
        await (await sender.client.send(receiver.user_id, f"to all devices {n}")).accepted(60)
    for person in (ann, bob, laptop):
        await person.until_shown(conversation, 20)

    facts = traffic.facts(conversation)
    for person in (ann, bob, laptop):
        assert same_view(person.user_id, person.shown[conversation], facts) == []
    await laptop.close()


async def test_messages_sent_while_a_device_connects_fall_into_no_hole(traffic: Traffic) -> None:
    """I6: again and again a new device of Bob's connects while Ann sends without a pause."""
    ann, bob = traffic.pairs[3]
    conversation = direct_conversation(ann.user_id, bob.user_id)
    total = 300

    async def send() -> None:
        for n in range(total):
            await ann.client.send(bob.user_id, f"without a pause {n}")
            await asyncio.sleep(0.01)

    sending = asyncio.create_task(send())
    devices = []
    while not sending.done():
        device = traffic.person(bob.user_id, len(devices), f"device-{len(devices)}")
        await device.start()
        devices.append(device)
        await asyncio.sleep(0.1)
    await sending
    facts = await until(
        lambda: found if len(found := traffic.facts(conversation)) == total else None
    )
    async with asyncio.timeout(60):
        for device in devices:
            await device.until_shown(conversation, total)

    for device in devices:
        assert same_view(device.user_id, device.shown[conversation], facts) == []
    await asyncio.gather(*(device.close() for device in devices))


async def test_the_inbox_counts_what_is_unread(traffic: Traffic) -> None:
    ann = traffic.pairs[4][0]
    quiet = traffic.person(f"quiet-{uuid.uuid4().hex[:6]}", 0)
    await quiet.client.__aenter__()
    await quiet.client.until_online(60)
    sent = [await ann.client.send(quiet.client.user_id, f"unread {n}") for n in range(7)]
    await sent[-1].accepted(60)
    conversation = direct_conversation(ann.user_id, quiet.client.user_id)

    async def unread() -> int | None:
        inbox = {item.conversation_id: item for item in await quiet.client.inbox()}
        return inbox[conversation].unread if conversation in inbox else None

    async def until_unread(count: int) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while (found := await unread()) != count:
            assert time.monotonic() < deadline, f"unread is {found}, not {count}"
            await asyncio.sleep(0.2)

    await until_unread(7)
    known = quiet.client.state.sync.conversation(conversation)
    await until(lambda: known.cursor >= 7, what="the last message at the device")
    await quiet.client.read(conversation, 5)
    await until_unread(2)
    await (await quiet.client.send(ann.user_id, "to answer is not to have read")).accepted(60)
    await until_unread(2)
    seen = await quiet.client.send(ann.user_id, "what is on the screen is", seen=7)
    await seen.accepted(60)
    await until_unread(0)
    await sent[-1].read(60)
    await quiet.close()


async def test_a_note_to_oneself_has_all_its_ticks_at_once(traffic: Traffic) -> None:
    ann = traffic.pairs[4][1]
    note = await ann.client.send(ann.user_id, "remember the milk")
    await note.read(60)
    conversation = direct_conversation(ann.user_id, ann.user_id)
    await until(lambda: ann.client.state.sync.conversation(conversation).cursor == note.seq)
    assert not [chat.unread for chat in ann.client.chats() if chat.unread]


async def test_pages_go_both_ways(traffic: Traffic) -> None:
    ann, bob = traffic.pairs[5]
    sent = [await ann.client.send(bob.user_id, f"page {n}") for n in range(120)]
    await sent[-1].accepted(60)
    conversation = direct_conversation(ann.user_id, bob.user_id)
    forward: list[int] = []
    after: int | None = 0
    while after is not None:
        page = await ann.client.fetch(conversation, after=after, up_to=120, limit=50)
        forward += [event.seq for event in page.events]
        after = page.next
    backward: list[int] = []
    before: int | None = 121
    while before is not None:
        page = await bob.client.fetch(conversation, before=before, limit=50)
        backward = [event.seq for event in page.events] + backward
        before = page.next
    assert forward == backward == list(range(1, 121))


async def test_a_stranger_learns_nothing(traffic: Traffic, system: Stack) -> None:
    ann, bob = traffic.pairs[6]
    eve = traffic.pairs[7][0]
    await (await ann.client.send(bob.user_id, "a secret")).accepted(60)
    theirs = direct_conversation(ann.user_id, bob.user_id)
    nobodys = direct_conversation("nobody-1", "nobody-2")
    answers = []
    for conversation in (theirs, nobodys):
        try:
            await eve.client.fetch(conversation, after=0, limit=10)
        except Exception as refused:
            answers.append((type(refused).__name__, getattr(refused, "code", None)))
    assert len(answers) == 2
    assert answers[0] == answers[1]
    assert answers[0][1] == "forbidden"
