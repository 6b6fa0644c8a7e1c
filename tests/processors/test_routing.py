"""Who is shown what: each event with an audience's sessions, as a table of examples."""

import json

from msgspec import structs

from events.conversations import SubmissionRejected, SubmissionRepeated
from events.deliveries import AnsweredUpTo, RoutedFrame
from events.ids import direct_conversation
from events.members import members_of
from events.messages import MessageSent
from events.receipts import DeliveredMarkerMoved, Move, ReadMarkerMoved
from processors.admission.decider import decide
from processors.admission.place import Place
from processors.admission.state import initial
from processors.fanout.routing import RECORD_BYTES_MAX, answered, audience, records, route
from projections.sessions.keys import Session
from tests.examples import ANN, BOB, CONVERSATION, EVE, LAPTOP, NOON, PHONE, message_id, submitted

ANN_PHONE = Session(PHONE, "gateway-1", "epoch-a", 1)
ANN_LAPTOP = Session(LAPTOP, "gateway-2", "epoch-b", 1)
BOB_PHONE = Session(PHONE, "gateway-2", "epoch-b", 2)
SESSIONS = {ANN: [ANN_PHONE, ANN_LAPTOP], BOB: [BOB_PHONE]}
PLACE = Place(epoch=0, submission_offset=0, at=NOON)


def sent(number: int = 1) -> MessageSent:
    decision = decide(initial(), submitted(number), PLACE)
    assert isinstance(decision, MessageSent)
    return decision


def shown(*events: object) -> dict[tuple[str, int], list[str]]:
    """Session -> the types of the frames it gets, in order."""
    result: dict[tuple[str, int], list[str]] = {}
    for (gateway_id, _), routed in route(events, SESSIONS, members_of).items():
        for one in routed:
            for session_id in one.session_ids:
                kind = json.loads(one.frame)["type"]
                result.setdefault((gateway_id, session_id), []).append(kind)
    return result


def moved(kind: type[Move], user_id: str) -> Move:
    return kind(
        conversation_id=CONVERSATION,
        user_id=user_id,
        device_id=PHONE,
        seq=1,
        moved_at=NOON,
        epoch=0,
    )


def test_the_sending_device_is_told_accepted_and_every_other_device_gets_the_message() -> None:
    assert shown(sent()) == {
        ("gateway-1", 1): ["accepted"],
        ("gateway-2", 1): ["event"],
        ("gateway-2", 2): ["event"],
    }


def test_a_frame_for_several_sessions_of_one_gateway_is_there_once() -> None:
    routed = route([sent()], SESSIONS, members_of)["gateway-2", "epoch-b"]
    assert [one.session_ids for one in routed] == [(1, 2)]


def test_a_refusal_or_a_repeat_is_told_to_the_asking_device_only() -> None:
    refused = decide(initial(), submitted(1, kind="hologram"), PLACE)
    assert isinstance(refused, SubmissionRejected)
    assert shown(refused) == {("gateway-1", 1): ["rejected"]}
    repeated = SubmissionRepeated(
        conversation_id=CONVERSATION,
        sender_id=BOB,
        device_id=PHONE,
        client_message_id=message_id(1),
        seq=1,
        sent_at=NOON,
        epoch=0,
        submission_offset=1,
    )
    assert shown(repeated) == {("gateway-2", 2): ["accepted"]}


def test_delivered_is_shown_to_the_others_and_read_also_to_the_readers_devices() -> None:
    assert shown(moved(DeliveredMarkerMoved, BOB)) == {
        ("gateway-1", 1): ["receipt"],
        ("gateway-2", 1): ["receipt"],
    }
    assert set(shown(moved(ReadMarkerMoved, BOB))) == {
        ("gateway-1", 1),
        ("gateway-2", 1),
        ("gateway-2", 2),
    }


def test_in_notes_to_oneself_delivered_is_shown_to_ones_own_devices() -> None:
    move = moved(DeliveredMarkerMoved, ANN)
    assert set(shown(structs.replace(move, conversation_id=direct_conversation(ANN, ANN)))) == {
        ("gateway-1", 1),
        ("gateway-2", 1),
    }


def test_frames_keep_the_order_of_the_log() -> None:
    events = [sent(), moved(ReadMarkerMoved, BOB), sent()]
    assert shown(*events)["gateway-1", 1] == ["accepted", "receipt", "accepted"]


def test_nobody_connected_means_nothing_encoded_and_nothing_routed() -> None:
    assert route([sent(), moved(ReadMarkerMoved, BOB)], {}, members_of) == {}


def test_only_members_are_an_audience() -> None:
    assert set(audience(sent(), members_of)) == {ANN, BOB}
    assert EVE not in audience(moved(ReadMarkerMoved, BOB), members_of)


def test_records_are_bounded_and_hold_every_frame_in_order() -> None:
    big = route([sent()], SESSIONS, members_of)["gateway-1", "epoch-a"][0]
    frames = [type(big)(session_ids=(n,), frame=b"x" * 60_000) for n in range(1, 40)]
    cut = list(records(("gateway-1", "epoch-a"), frames))
    assert len(cut) > 1
    assert [one for record in cut for one in record.frames] == frames
    assert all(sum(len(one.frame) for one in record.frames) <= RECORD_BYTES_MAX for record in cut)


def test_it_is_said_how_far_submissions_are_answered_and_once_behind_all_frames() -> None:
    facts = [
        (partition, structs.replace(sent(), submission_offset=offset))
        for partition, offset in ((0, 4), (1, 9), (0, 7))
    ]
    places = answered([*facts, (2, moved(ReadMarkerMoved, BOB))])  # type: ignore[list-item]
    assert places == (
        AnsweredUpTo(partition=0, submission_offset=7),
        AnsweredUpTo(partition=1, submission_offset=9),
    )
    frames = [RoutedFrame(session_ids=(1,), frame=b"x" * RECORD_BYTES_MAX)] * 3
    assert [one.answered for one in records(("g", "e"), frames, places)] == [(), (), places]
