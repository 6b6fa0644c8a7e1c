"""What gateways and devices change: who is replaced, who is told, and in how many frames."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from events.gateways import GatewayAlive, GatewayDraining, GatewayStarted
from events.sessions import SessionClosed, SessionOpened
from processors.heads import answer_of
from processors.received import Poison, Received
from processors.session_changes import (
    UserHeads,
    changes_of,
    replaced_by,
    route_heads,
    some_at_a_time,
    told,
)
from projections.heads.places import Cursor, Token, cursor_of, token_of
from projections.heads.store import ASKS_AT_ONCE, HeadsStore, Recent, Wanted
from projections.positions import write_time
from projections.sessions.keys import Held, Session
from projections.sessions.store import Change, DeviceClosed, DeviceOpened, GatewayHeard
from tests.examples import ANN, BOB, LAPTOP, PHONE
from tests.simulation.redis import ImmediatePipe, Redis

OLD = Session(PHONE, "gateway-1", "e1", 7)
NEW = Session(PHONE, "gateway-2", "e2", 8)


def received(event: Struct, offset: int) -> Received:
    return Received(event, "chat.sessions", 3, offset, 0, None)  # type: ignore[arg-type]


def opened(session: Session, offset: int, user: str = ANN) -> DeviceOpened:
    return DeviceOpened(user, session, offset)


def test_gateways_come_before_devices_and_each_keeps_the_order_of_the_log() -> None:
    fields = {
        "user_id": ANN,
        "device_id": PHONE,
        "gateway_id": "gateway-1",
        "gateway_epoch": "e1",
        "session_id": 7,
    }
    batch = [
        received(SessionOpened(**fields), 4),  # type: ignore[arg-type]
        received(SessionClosed(**fields), 5),  # type: ignore[arg-type]
        received(GatewayStarted(gateway_id="gateway-1", gateway_epoch="e1"), 8),
        received(GatewayAlive(gateway_id="gateway-1", gateway_epoch="e1", sessions=1), 9),
        received(GatewayDraining(gateway_id="gateway-1", gateway_epoch="e1"), 10),
    ]
    assert changes_of(batch, 0) == [
        GatewayHeard("gateway-1", "e1", 8, True),
        GatewayHeard("gateway-1", "e1", 9, False),
        DeviceOpened(ANN, OLD, write_time(0, 4)),
        DeviceClosed(ANN, OLD),
    ]


@pytest.mark.parametrize("field", ["user_id", "device_id", "gateway_id", "gateway_epoch"])
def test_a_name_that_could_not_be_written_is_poison(field: str) -> None:
    good = SessionOpened(
        user_id=ANN, device_id=PHONE, gateway_id="gateway-1", gateway_epoch="e", session_id=1
    )
    with pytest.raises(Poison, match="bad_name"):
        changes_of([received(msgspec.structs.replace(good, **{field: "a|b"}), 1)], 0)


@pytest.mark.parametrize(
    ("changes", "held", "replaced"),
    [
        ([opened(NEW, 5)], {}, []),
        ([opened(NEW, 5)], {(ANN, PHONE): Held(OLD, 3)}, [OLD]),
        # Announced again: the same session is nobody's successor.
        ([opened(OLD, 5)], {(ANN, PHONE): Held(OLD, 3)}, []),
        # Read again after a crash: the newer one stands and is not told anything.
        ([opened(OLD, 3)], {(ANN, PHONE): Held(NEW, 5)}, []),
        # Within a batch.
        ([opened(OLD, 4), opened(NEW, 5)], {}, [OLD]),
        ([opened(OLD, 4), DeviceClosed(ANN, OLD), opened(NEW, 5)], {}, []),
        ([DeviceClosed(ANN, NEW), opened(NEW, 5)], {(ANN, PHONE): Held(OLD, 3)}, [OLD]),
        # Another device or another user is not concerned.
        ([opened(NEW, 5)], {(ANN, LAPTOP): Held(OLD, 3), (BOB, PHONE): Held(OLD, 3)}, []),
    ],
)
def test_a_newer_session_of_the_same_device_replaces_the_older(
    changes: list[Change], held: dict[tuple[str, str], Held], replaced: list[Session]
) -> None:
    assert replaced_by(changes, held) == replaced


def decoded(answer: UserHeads) -> dict[str, Any]:
    frame: dict[str, Any] = msgspec.json.decode(told(answer))
    return frame


def test_what_is_not_all_says_how_it_goes_on() -> None:
    heads = {"d:ann:bob": 3}
    assert decoded(UserHeads(heads, next_cursor="c")) == {
        "type": "heads",
        "heads": heads,
        "more": True,
        "next": "c",
        "token": None,
    }
    last = decoded(UserHeads({}, token="t"))
    assert (last["more"], last["next"], last["token"]) == (False, None, "t")
    in_part = decoded(UserHeads(heads, whole=False))
    assert (in_part["more"], in_part["next"], in_part["token"]) == (True, None, None)


def wanted(limit: int) -> Wanted:
    return Wanted(ANN, limit)


def recent(**changed: Any) -> Recent:
    changes = [("d:ann:bob", 9), ("d:ann:cid", 7), ("d:ann:eve", 4)]
    known: dict[str, Any] = {
        "life": "0123456789abcdef",
        "mark": 2,
        "newest": 11,
        "since": None,
        "continues": False,
        "changes": changes,
        "heads": {"d:ann:bob": 5, "d:ann:cid": 6, "d:ann:eve": 7},
    }
    return Recent(**{**known, **changed})


def test_a_page_ends_with_a_cursor_and_the_last_one_with_a_token() -> None:
    page = answer_of(wanted(2), recent(since=3))
    assert list(page.heads.items()) == [("d:ann:bob", 5), ("d:ann:cid", 6)]
    assert cursor_of(page.next_cursor) == Cursor("0123456789abcdef", 2, 7, 3, 11)
    assert page.token is None
    last = answer_of(wanted(3), recent())
    assert (last.whole, last.next_cursor) == (True, None)
    assert token_of(last.token) == Token("0123456789abcdef", 11)


def test_what_is_lost_has_no_cursor_and_no_token() -> None:
    for answer in (
        answer_of(wanted(2), recent(), whole=False),
        answer_of(wanted(2), recent(mark=None)),
    ):
        assert (answer.whole, answer.next_cursor, answer.token) == (False, None, None)


@pytest.mark.parametrize(
    "text", [None, "", "x", "0123456789abcdef", "0123456789abcdef.x", "." * 90]
)
def test_what_is_no_place_is_as_if_nothing_was_shown(text: str | None) -> None:
    assert token_of(text) is None
    assert cursor_of(text) is None


def test_devices_of_one_user_on_one_gateway_share_a_frame() -> None:
    laptop = Session(LAPTOP, "gateway-1", "e1", 9)
    bobs = Session(PHONE, "gateway-1", "e1", 10)
    devices = {(ANN, PHONE): OLD, (ANN, LAPTOP): laptop, (BOB, PHONE): bobs}
    heads = {ANN: UserHeads({"d:ann:bob": 3}), BOB: UserHeads({"d:ann:bob": 3})}
    routed = route_heads(devices, {device: device[0] for device in devices}, heads)
    assert list(routed) == [("gateway-1", "e1")]
    assert [frame.session_ids for frame in routed["gateway-1", "e1"]] == [(7, 9), (10,)]


def test_many_devices_are_answered_some_at_a_time_in_their_order() -> None:
    users = [f"user-{number}" for number in range(95)]
    devices = {
        (user, name): OLD._replace(device_id=name) for name in (PHONE, LAPTOP) for user in users
    }
    pieces = list(some_at_a_time(devices, {device: device[0] for device in devices}, 40))
    assert [len(piece) for piece in pieces] == [80, 80, 30]
    told_users = [user for piece in pieces for user, name in piece if name == PHONE]
    assert told_users == users
    assert {device: one for piece in pieces for device, one in piece.items()} == devices


class _Counting:
    """How many were asked about in each round trip."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self._pipe = ImmediatePipe(Redis(lambda: 0.0))

    async def run(self, commands: Sequence[bytes]) -> list[Any]:
        self.asked.append(len(commands) - 1)
        return await self._pipe.run(commands)


async def test_no_round_trip_brings_the_heads_of_all_who_come_at_once() -> None:
    pipe = _Counting()
    asks = [Wanted(f"user-{number}", 200) for number in range(500)]
    found = await HeadsStore(pipe).recent(asks, "word")
    assert len(found) == sum(pipe.asked) == len(asks)
    assert max(pipe.asked) <= ASKS_AT_ONCE
