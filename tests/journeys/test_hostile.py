"""What a hostile client may try in the conversations of others and in its own, through the stack.

Numbers are rows of docs/threats.md.
"""

import ssl
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from events.receipts import DeliveredMarkerMoved, ReadMarkerMoved
from events.topics import RECEIPTS, partition_of
from infra.settings import load
from infra.stack.stack import Stack
from infra.tokens import ensure_development_key, mint
from tests.edge.socket import Client, new_id
from tests.edge.test_process import ports_of
from tests.journeys.conftest import GATEWAYS, WORKERS
from tests.journeys.traffic import Settings
from tests.live import codec_of, records, tls_of, understood, until


class Party:
    """Users of this test alone, on raw sockets of the first gateway."""

    def __init__(self, stack: Stack) -> None:
        settings = load(Settings, stack.environment())
        self._tokens = settings.tokens
        self._key = ensure_development_key(settings.tokens)
        self._port = stack.ports.port(GATEWAYS[0])
        trusted = tls_of(stack)
        self._tls = trusted if isinstance(trusted, ssl.SSLContext) else None
        self.run = uuid.uuid4().hex[:8]
        self.clients: list[Client] = []

    def user(self, name: str) -> str:
        return f"{name}-{self.run}"

    def conversation(self, one: str, other: str) -> str:
        return "d:" + ":".join(sorted((self.user(one), self.user(other))))

    async def join(self, name: str, device: str = "phone") -> Client:
        token = mint(
            self._key,
            self._tokens,
            user_id=self.user(name),
            device_id=device,
            now_seconds=int(time.time()),
            lifetime_seconds=600,
        )
        client = await Client.connect(self._port, tls=self._tls)
        assert (await client.hello(token))["type"] == "welcome"
        self.clients.append(client)
        while (frame := await client.receive(30))["type"] != "heads" or frame["more"]:
            pass  # before the last of its heads a device may miss what is meant for it
        return client


@pytest.fixture
async def party(system: Stack) -> AsyncIterator[Party]:
    party = Party(system)
    yield party
    for client in party.clients:
        client.end()


async def answer(client: Client, request_id: str) -> dict[str, Any]:
    """The answer to a request, whatever comes before it."""
    while True:
        frame = await client.receive(30)
        if frame.get("id") == request_id and frame["type"] != "event":
            return frame


async def test_48_to_a_conversation_of_others_is_the_same_as_to_none(party: Party) -> None:
    ann, eve = await party.join("ann"), await party.join("eve")
    accepted = await answer(ann, ann.send_message(party.user("bob"), "a secret"))
    assert accepted["type"] == "accepted"
    answers = []
    for conversation in (party.conversation("ann", "bob"), party.conversation("no", "body")):
        sent = new_id()
        eve.send({"type": "send", "id": sent, "conversation_id": conversation, "body": "x"})
        refused = await answer(eve, sent)
        answers.append((refused["type"], refused["code"], refused["detail"]))
    assert answers[0] == answers[1]
    assert answers[0][:2] == ("error", "forbidden")


async def test_53_68_what_was_recorded_and_is_sent_again_makes_no_second_message(
    party: Party,
) -> None:
    ann = await party.join("ann")
    sent = ann.send_message(party.user("bob"), "first")
    first = await answer(ann, sent)
    ann.end()
    again = await party.join("ann")  # the same frames on a new connection
    for body in ("first", "another body"):
        again.send({"type": "send", "id": sent, "to": party.user("bob"), "body": body})
        repeated = await answer(again, sent)
        assert (repeated["type"], repeated["seq"]) == ("accepted", first["seq"])
    bob = await party.join("bob")
    sent = new_id()
    bob.send({"type": "send", "id": sent, "to": party.user("ann"), "body": "an id of my own"})
    assert (await answer(bob, sent))["seq"] == first["seq"] + 1
    assert await bodies(bob, party.conversation("ann", "bob"), 2) == ["first", "an id of my own"]


async def test_54_the_same_id_of_another_device_is_another_message(party: Party) -> None:
    phone, laptop = await party.join("ann"), await party.join("ann", "laptop")
    same = new_id()
    seqs = []
    for client in (phone, laptop):
        client.send({"type": "send", "id": same, "to": party.user("bob"), "body": "mine"})
        seqs.append((await answer(client, same))["seq"])
    assert seqs == [1, 2]


async def test_55_56_marks_beyond_of_others_and_backwards_move_nothing(
    party: Party, stack: Stack
) -> None:
    ann, bob, eve = [await party.join(name) for name in ("ann", "bob", "eve")]
    for number in range(3):
        await answer(ann, ann.send_message(party.user("bob"), f"message {number}"))
    conversation = party.conversation("ann", "bob")

    def mark(client: Client, kind: str, seq: int, **more: Any) -> None:
        client.send({"type": kind, "conversation_id": conversation, "seq": seq, **more})

    def moves() -> list[tuple[str, str, int]]:
        return moves_of(stack, conversation)

    bobs = party.user("bob")
    mark(eve, "read", 3)  # no member
    mark(eve, "delivered", 3, user_id=bobs, device_id="phone")
    mark(bob, "read", 2)
    await until(lambda: ("read", bobs, 2) in moves(), what="bob's first mark")
    mark(bob, "read", 900)  # beyond the last
    await until(lambda: ("read", bobs, 3) in moves(), what="the clipped mark")
    mark(bob, "read", 1)  # backwards
    last = ann.send_message(party.user("bob"), "one more")
    await answer(ann, last)
    mark(bob, "read", 4)
    await until(lambda: ("read", bobs, 4) in moves(), what="bob's last mark")
    found = moves()
    assert {user for _, user, _ in found} == {bobs}
    assert [seq for kind, _, seq in found if kind == "read"] == [2, 3, 4]


def moves_of(stack: Stack, conversation: str) -> list[tuple[str, str, int]]:
    """The moves of a conversation's markers: kind, user, seq."""
    codec = codec_of(stack)
    partition = partition_of(conversation, RECEIPTS.partitions)
    events = (understood(codec, one) for one in records(stack, RECEIPTS.name, partition))
    return [
        ("read" if isinstance(event, ReadMarkerMoved) else "delivered", event.user_id, event.seq)
        for event in events
        if isinstance(event, ReadMarkerMoved | DeliveredMarkerMoved)
        and event.conversation_id == conversation
    ]


def test_67_a_worker_is_reachable_for_its_health_alone(system: Stack) -> None:
    for name in WORKERS:
        status = system.part_status(name)
        assert status.pid is not None
        listening, _ = ports_of(status.pid)
        assert listening == {status.port}, name


BODIES = [
    "\0 nul",
    "right to left \u202e override",
    "zero\u200bwidth\u2060joiner\ufeff",
    "a" + "\u0301" * 4_000,
    "\U0001f469\u200d\U0001f469\u200d\U0001f467",
    "'); DROP TABLE timeline; --",
    "line\r\nlevel=error msg=forged",
    "../../etc/passwd ${jndi:ldap://x} {{7*7}} %s",
]


async def test_61_62_bodies_come_back_as_they_went_in_and_are_never_read(party: Party) -> None:
    ann, bob = await party.join("ann"), await party.join("bob")
    for body in BODIES:
        assert (await answer(ann, ann.send_message(party.user("bob"), body)))["type"] == "accepted"
    live = []
    while len(live) < len(BODIES):
        frame = await bob.receive()
        if frame["type"] == "event":
            live.append(frame["body"])
    assert live == BODIES
    assert await bodies(bob, party.conversation("ann", "bob"), len(BODIES)) == BODIES


async def bodies(client: Client, conversation: str, up_to: int) -> list[str]:
    """The bodies that history has."""
    request_id = new_id()
    client.send(
        {
            "type": "fetch",
            "id": request_id,
            "conversation_id": conversation,
            "after": 0,
            "up_to": up_to,
        }
    )
    page = await answer(client, request_id)
    return [event["body"] for event in page["events"]]
