"""What facts, sessions and watermarks hand on, field by field, to whoever comes behind."""

import msgspec
import pytest

from events.gateways import GatewayAlive
from events.messages import MessageSent
from events.receipts import ReadMarkerMoved
from events.sessions import SessionOpened
from processors.admission.decider import decide
from processors.admission.state import evolve, initial
from processors.reader import RETRY_AFTER_SECONDS, unavailable
from processors.received import Poison
from processors.session_changes import UserHeads, changes_of, replaced_by, told
from projections.positions import write_time
from projections.receipts.projection import project
from projections.sessions.keys import Held
from projections.sessions.store import DeviceOpened, GatewayHeard
from tests.examples import ANN, PHONE, submitted
from tests.processors.test_admission_decider import after, place
from tests.processors.test_session_changes import NEW, OLD, opened, received
from tests.projections.facts import moved, sent

FIELDS = {"user_id": ANN, "gateway_id": "gateway-1", "gateway_epoch": "e1", "session_id": 7}


def test_the_message_that_is_answered_is_named_in_the_fact() -> None:
    fact = decide(after(submitted(1, reply_to_seq=None)), submitted(2, reply_to_seq=1), place(9))
    assert isinstance(fact, MessageSent)
    assert fact.reply_to_seq == 1


def test_what_is_no_part_of_admissions_state_is_an_error() -> None:
    with pytest.raises(TypeError, match="GatewayAlive"):
        evolve(initial(), GatewayAlive(gateway_id="gateway-1", gateway_epoch="e1", sessions=1))


def test_what_a_device_showed_goes_with_its_opening() -> None:
    event = SessionOpened(**FIELDS, device_id=PHONE, since="a.1")  # type: ignore[arg-type]
    assert changes_of([received(event, 4)], 0) == [DeviceOpened(ANN, OLD, write_time(0, 4), "a.1")]


def test_a_bad_name_is_poison_that_says_which_record() -> None:
    event = SessionOpened(**FIELDS, device_id="pho|ne")  # type: ignore[arg-type]
    bad = received(event, 4)
    with pytest.raises(Poison) as poison:
        changes_of([bad], 0)
    assert poison.value.received is bad
    assert poison.value.code == "bad_name"


def test_a_gateway_that_is_heard_of_hides_no_device_behind_it() -> None:
    heard = GatewayHeard("gateway-1", "e1", 1, False)
    held = {(ANN, PHONE): Held(OLD, 3)}
    assert replaced_by([heard, opened(NEW, 4)], held) == [OLD]
    assert replaced_by([opened(NEW, 3)], held) == [OLD], "the same place again is a repeat"


def test_heads_that_were_asked_for_are_told_under_the_id_of_the_question() -> None:
    assert msgspec.json.decode(told(UserHeads({}), "5"))["id"] == "5"


def test_a_watermark_keeps_whose_device_moved_it_and_when() -> None:
    event = moved(4, read=True)
    assert isinstance(event, ReadMarkerMoved)
    (write,) = project(event, 7)
    assert (write.moved_at, write.device_id, write.position) == (event.moved_at, PHONE, 7)
    assert project(sent(1), 7) == [], "what is no watermark writes nothing"


def test_unavailable_says_what_to_ask_again_and_when() -> None:
    frame = msgspec.json.decode(unavailable("5"))
    assert (frame["code"], frame["id"]) == ("unavailable", "5")
    assert frame["retry_after_seconds"] == RETRY_AFTER_SECONDS
    assert frame["detail"]
