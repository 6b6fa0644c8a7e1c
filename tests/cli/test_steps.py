"""The steps of one message, picked out of a log that holds others too."""

import json

from msgspec import Struct

from cli.log import Readable
from cli.steps import Receipts, Step, delivery_steps, first_of_each, own_step, summary
from cli.story import sentence
from events import frames
from events.conversations import SubmissionRejected, SubmissionRepeated
from events.deliveries import FramesRouted, RoutedFrame
from events.messages import MessageSent
from events.receipts import DeliveredMarkerMoved, ReadMarkerMoved
from tests.examples import ANN, BOB, CONVERSATION, NOON, PHONE, message_id, submitted

ONE, TWO = message_id(1), message_id(2)


def at(milliseconds: int, event: Struct, topic: str = "chat.conversations") -> Readable:
    return Readable(topic, 5, 7, NOON + milliseconds, None, event, sentence(event))


def decided(event: type[Struct], number: int = 1, /, **fields: object) -> Struct:
    common = {"conversation_id": CONVERSATION, "sender_id": ANN, "device_id": PHONE}
    common |= {"client_message_id": message_id(number), "epoch": 0, "submission_offset": 0}
    return event(**(common | fields))


def sent(number: int = 1, seq: int = 3) -> MessageSent:
    fields = {"seq": seq, "message_number": seq, "kind": "text", "body": "hi", "sent_at": NOON}
    event = decided(MessageSent, number, **fields)
    assert isinstance(event, MessageSent)
    return event


def moved(kind: type[Struct], seq: int, user: str = BOB) -> Struct:
    return kind(
        conversation_id=CONVERSATION, user_id=user, device_id=PHONE, seq=seq, moved_at=NOON, epoch=0
    )


def test_only_records_about_the_message_are_its_steps() -> None:
    rejected = decided(SubmissionRejected, code="stale", detail="", rejected_at=NOON)
    repeated = decided(SubmissionRepeated, seq=3, sent_at=NOON)
    for event, kind in (
        (submitted(), "submission"),
        (sent(), "fact"),
        (rejected, "refusal"),
        (repeated, "repeat"),
    ):
        step = own_step(at(1, event), ONE)
        assert step is not None
        assert step.kind == kind
        assert own_step(at(1, event), TWO) is None
    assert own_step(at(1, submitted(2, after=ONE)), ONE) is None, "it only names the message"


def test_the_first_moves_that_cover_a_message_are_its_receipts() -> None:
    receipts = Receipts(sent(seq=3))
    for event in (
        moved(DeliveredMarkerMoved, 2),
        moved(ReadMarkerMoved, 2),
        moved(ReadMarkerMoved, 9, ANN),
    ):
        assert receipts.step(at(1, event)) is None
    delivered = receipts.step(at(5, moved(DeliveredMarkerMoved, 4)))
    assert delivered is not None
    assert delivered.kind == "delivered"
    assert receipts.step(at(6, moved(DeliveredMarkerMoved, 5))) is None
    assert not receipts.complete
    assert receipts.step(at(7, moved(ReadMarkerMoved, 3))) is not None
    assert receipts.complete


def test_deliveries_are_the_message_and_its_ticks_each_once() -> None:
    fact, move = sent(), moved(ReadMarkerMoved, 3)
    assert isinstance(move, ReadMarkerMoved)
    contents = [
        frames.accepted(fact),
        frames.event(fact),
        frames.receipt(move),
        b'{"type":"heads"}',
    ]
    routed = FramesRouted(
        gateway_id="g1",
        gateway_epoch="e",
        frames=tuple(RoutedFrame(session_ids=(1, 2), frame=content) for content in contents),
    )
    steps = delivery_steps(at(4, routed), fact)
    assert [step.kind for step in steps] == [
        "to g1: the first tick",
        "to g1: the message",
        "to g1: the third tick",
    ]
    assert first_of_each([*steps, *steps]) == steps
    assert delivery_steps(at(4, routed), sent(2, 9)) == []


def test_the_summary_says_how_long_each_tick_took() -> None:
    def step(kind: str, milliseconds: int) -> Step:
        return Step(kind, "", NOON + milliseconds, "")

    whole = [step("submission", 0), step("fact", 3), step("delivered", 8), step("read", 900)]
    assert summary(whole) == "Accepted after 3 ms, delivered after 8 ms, read after 900 ms."
    assert summary(whole[:1]).startswith("It is in the log and not decided yet")
    assert summary([whole[0], step("refusal", 4)]) == "Refused after 4 ms."
    assert json.dumps([one.as_json(NOON) for one in whole])
