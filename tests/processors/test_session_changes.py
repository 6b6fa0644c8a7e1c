"""What gateways and devices change: who is replaced, who is told, and in how many frames."""

import msgspec
import pytest
from msgspec import Struct

from events.gateways import GatewayAlive, GatewayDraining, GatewayStarted
from events.sessions import SessionClosed, SessionOpened
from processors.received import Poison, Received
from processors.session_changes import (
    HEADS_A_FRAME,
    UserHeads,
    changes_of,
    heads_frames,
    replaced_by,
    route_heads,
)
from projections.positions import write_time
from projections.sessions.keys import Held, Session
from projections.sessions.store import Change, DeviceClosed, DeviceOpened, GatewayHeard
from tests.examples import ANN, BOB, LAPTOP, PHONE

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


def test_all_conversations_are_told_in_frames_of_bounded_size() -> None:
    heads = {f"d:ann:user{number:04}": number + 1 for number in range(2 * HEADS_A_FRAME + 1)}
    told = [msgspec.json.decode(frame) for frame in heads_frames(UserHeads(heads))]
    assert [len(frame["heads"]) for frame in told] == [HEADS_A_FRAME, HEADS_A_FRAME, 1]
    assert [frame["more"] for frame in told] == [True, True, False]
    assert {key: seq for frame in told for key, seq in frame["heads"].items()} == heads


def test_who_has_no_conversation_is_told_so() -> None:
    (frame,) = heads_frames(UserHeads({}))
    assert msgspec.json.decode(frame) == {
        "type": "heads",
        "heads": {},
        "more": False,
        "next": None,
        "token": None,
    }


def test_an_answer_that_is_not_whole_says_that_more_will_follow() -> None:
    (frame,) = heads_frames(UserHeads({"d:ann:bob": 3}, whole=False))
    assert msgspec.json.decode(frame)["more"] is True


def test_devices_of_one_user_on_one_gateway_share_a_frame() -> None:
    laptop = Session(LAPTOP, "gateway-1", "e1", 9)
    bobs = Session(PHONE, "gateway-1", "e1", 10)
    devices = {(ANN, PHONE): OLD, (ANN, LAPTOP): laptop, (BOB, PHONE): bobs}
    heads = {ANN: UserHeads({"d:ann:bob": 3}), BOB: UserHeads({"d:ann:bob": 3})}
    routed = route_heads(devices, heads)
    assert list(routed) == [("gateway-1", "e1")]
    assert [frame.session_ids for frame in routed["gateway-1", "e1"]] == [(7, 9), (10,)]
