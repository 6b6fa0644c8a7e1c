"""Names, membership by name, and which records of the fact log count."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.conversations import SubmissionRepeated, WriterClaimed
from events.fence import Fence
from events.ids import direct_conversation, is_client_message_id, is_name
from events.members import members_of
from events.topics import delivery_topic, partition_of
from tests.examples import ANN, BOB, CONVERSATION, NOON, PHONE, message_id, submitted

names = st.from_regex(r"[a-z0-9]([a-z0-9._-]{0,20}[a-z0-9])?", fullmatch=True)


@given(names, names)
def test_both_sides_name_the_same_conversation_and_are_its_members(one: str, other: str) -> None:
    conversation = direct_conversation(one, other)
    assert conversation == direct_conversation(other, one)
    assert set(members_of(conversation)) == {one, other}


@pytest.mark.parametrize(
    "name", ["", "Ann", "a:b", "a/b", "..", "-a", "a\n", "a'", "x" * 65, "ä", "a b"]
)
def test_what_may_not_name_a_user(name: str) -> None:
    assert not is_name(name)


def test_only_canonical_uuids_are_message_ids() -> None:
    assert is_client_message_id(message_id(1))
    for text in ("", "1", message_id(1).upper() + "x", message_id(1)[:-1], "../" * 12):
        assert not is_client_message_id(text)


def repeated(epoch: int) -> SubmissionRepeated:
    return SubmissionRepeated(
        conversation_id=CONVERSATION,
        sender_id=ANN,
        device_id=PHONE,
        client_message_id=message_id(1),
        seq=1,
        sent_at=NOON,
        epoch=epoch,
        submission_offset=0,
    )


def claim(epoch: int) -> WriterClaimed:
    return WriterClaimed(writer_id="one", epoch=epoch)


def test_only_the_newest_claims_records_count_and_others_are_counted() -> None:
    fence = Fence()
    assert not fence.admits(claim(0), 0)
    assert fence.admits(repeated(epoch=0), 1)
    assert not fence.admits(claim(1), 2)
    assert not fence.admits(repeated(epoch=0), 3)
    assert fence.admits(repeated(epoch=1), 4)
    assert fence.ignored == 1


@pytest.mark.parametrize("number", [0, 3, 7])
def test_a_claim_that_came_too_late_silences_nobody(number: int) -> None:
    fence = Fence()
    fence.admits(claim(7), 0)
    fence.admits(claim(number), 1)
    assert fence.admits(repeated(epoch=7), 2)
    assert fence.admits(repeated(epoch=number), 3) == (number == 7)


def test_records_count_at_whatever_offsets_they_lie() -> None:
    log = [claim(0), repeated(0), claim(1), repeated(0), repeated(1), claim(1), repeated(1)]
    counted = []
    for shift in (0, 1, 1_000):
        fence = Fence()
        counted.append([fence.admits(event, shift + place) for place, event in enumerate(log)])
    assert counted[0] == counted[1] == counted[2]
    assert sum(counted[0]) == 3


def test_a_claim_of_an_older_release_counts_by_its_offset() -> None:
    fence, old = Fence(), WriterClaimed(writer_id="old release")
    assert not fence.admits(old, 5)
    assert fence.admits(repeated(epoch=5), 6)
    fence.admits(claim(6), 7)
    assert fence.admits(repeated(epoch=6), 8)
    fence.admits(old, 9)
    assert not fence.admits(repeated(epoch=6), 10)
    assert fence.admits(repeated(epoch=9), 11)


def test_what_does_not_belong_to_the_fact_log_is_named() -> None:
    with pytest.raises(TypeError, match="MessageSubmitted"):
        Fence().admits(submitted(), 0)


@pytest.mark.parametrize(
    ("key", "hashed"),
    [("21", -973932308), ("foobar", -790332482), ("a-little-bit-long-string", -985981536)],
)
def test_the_partitioner_is_kafkas_own(key: str, hashed: int) -> None:
    """Vectors of org.apache.kafka.common.utils.UtilsTest.testMurmur2."""
    assert partition_of(key, 1000) == (hashed & 0x7FFFFFFF) % 1000


def test_a_gateways_topic_is_named_after_it() -> None:
    assert delivery_topic("gateway-1") == "chat.deliveries.gateway-1"
    assert {BOB, ANN} == set(members_of(CONVERSATION))
