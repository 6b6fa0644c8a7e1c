"""The commands that look at the log, on a real log with one message that went all the way."""

import dataclasses
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from confluent_kafka import Producer

from cli.__main__ import run
from cli.letters import REPLAYED_FROM
from events import frames
from events.codec import Codec
from events.conversations import SubmissionRepeated
from events.deliveries import FramesRouted, RoutedFrame
from events.ids import direct_conversation
from events.messages import MessageSent, MessageSubmitted
from events.receipts import DeliveredMarkerMoved, ReadMarkerMoved
from events.topics import (
    CONVERSATIONS,
    DELIVERIES,
    RECEIPTS,
    SUBMISSIONS,
    delivery_topic,
    partition_of,
)
from infra import topics
from infra.stack.stack import Stack
from tests.live import codec_of, kafka_of, records


@dataclass(frozen=True)
class Story:
    """One message that went all the way, alone in a conversation of its own."""

    message_id: str
    conversation_id: str
    gateway: str

    @property
    def partition(self) -> int:
        return partition_of(self.conversation_id)


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    status: int
    out: str
    err: str


Chatlog = Callable[..., Done]


@pytest.fixture
def chatlog(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Chatlog:
    """The command line, with the settings of the stack."""
    for name, value in stack.environment().items():
        monkeypatch.setenv(name, value)

    def call(*arguments: str) -> Done:
        status = run(arguments)
        captured = capsys.readouterr()
        return Done(status, captured.out, captured.err)

    return call


class Writer:
    """Writes records, confirmed, and says where they are."""

    def __init__(self, stack: Stack) -> None:
        self._codec: Codec = codec_of(stack)
        self._producer = Producer({**kafka_of(stack).connection(), "linger.ms": 0})

    def write(self, topic: str, event: Any, partition: int, **fields: Any) -> int:
        value = event if isinstance(event, bytes) else self._codec.encode(event)
        offsets: list[int] = []

        def confirmed(error: Any, record: Any) -> None:
            assert error is None, error
            offsets.append(record.offset())

        self._producer.produce(
            topic, value=value, partition=partition, on_delivery=confirmed, **fields
        )
        self._producer.flush(30)
        return offsets[0]


@pytest.fixture(scope="module")
def writer(stack: Stack) -> Writer:
    return Writer(stack)


@pytest.fixture(scope="module")
def story(stack: Stack, writer: Writer) -> Story:
    """Submitted twice, sent, delivered and read; there is no row of it."""
    run = uuid.uuid4().hex[:8]
    story = Story(str(uuid.uuid4()), direct_conversation(f"ann-{run}", f"bob-{run}"), f"gw-{run}")
    deliveries = delivery_topic(story.gateway)
    topics.apply(kafka_of(stack), (dataclasses.replace(DELIVERIES, name=deliveries),))
    who = {"conversation_id": story.conversation_id, "sender_id": f"ann-{run}"}
    who |= {"device_id": "phone", "client_message_id": story.message_id}
    asked = MessageSubmitted(**who, kind="text", body="hi \x1b[31m there")
    first = writer.write(SUBMISSIONS.name, asked, story.partition)
    writer.write(SUBMISSIONS.name, asked, story.partition)
    sent = MessageSent(
        **who,
        seq=1,
        message_number=1,
        kind="text",
        body=asked.body,
        sent_at=0,
        epoch=0,
        submission_offset=first,
    )
    writer.write(CONVERSATIONS.name, sent, story.partition)
    repeated = SubmissionRepeated(**who, seq=1, sent_at=0, epoch=0, submission_offset=first + 1)
    writer.write(CONVERSATIONS.name, repeated, story.partition)
    routed = RoutedFrame(session_ids=(1,), frame=frames.event(sent))
    batch = FramesRouted(gateway_id=story.gateway, gateway_epoch="e", frames=(routed,))
    writer.write(deliveries, batch, 0)
    for kind in (DeliveredMarkerMoved, ReadMarkerMoved):
        move = kind(
            conversation_id=story.conversation_id,
            user_id=f"bob-{run}",
            device_id="phone",
            seq=1,
            moved_at=0,
            epoch=0,
        )
        writer.write(RECEIPTS.name, move, story.partition)
    return story


def test_a_trace_tells_every_step_with_its_place(chatlog: Chatlog, story: Story) -> None:
    done = chatlog("trace", story.message_id, "--json")
    assert done.status == 0, done.err
    trace = json.loads(done.out)
    kinds = [step["kind"] for step in trace["steps"]]
    assert sorted(kinds) == [
        "delivered",
        "fact",
        "read",
        "repeat",
        "row",
        "submission",
        "submission",
        f"to {story.gateway}: the message",
    ]
    assert trace["seq"] == 1
    assert "no row yet" in trace["steps"][-1]["said"]
    times = [step["after_ms"] for step in trace["steps"][:-1]]
    assert times == sorted(times)
    assert times[0] == 0


def test_a_trace_for_people_ends_with_how_long_it_took(chatlog: Chatlog, story: Story) -> None:
    done = chatlog("trace", story.message_id, "--conversation", story.conversation_id)
    assert done.status == 0, done.err
    assert "Accepted after" in done.out
    assert f"conversations/{story.partition}@" in done.out
    assert "\x1b[31m" not in done.out


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["trace", "not-a-uuid"], 2, "is no client message id"),
        (["trace", "00000000-0000-4000-8000-000000000000"], 1, "The log says nothing"),
        (["events", "tail", "--from", "yesterday"], 2, "is no place to begin"),
        (["events", "tail", "--topic", "nonsense"], 1, "There is no topic chat.nonsense"),
        (["dead", "list", "nonsense"], 2, "There is no group"),
        (["dead", "show", "history", "123456"], 1, "holds nothing at offset 123456"),
        (["dead", "replay", "history"], 2, "which letters"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    chatlog: Chatlog, arguments: list[str], status: int, sentence: str
) -> None:
    done = chatlog(*arguments)
    assert done.status == status
    assert sentence in done.err
    assert "Traceback" not in done.err + done.out


def test_no_kafka_is_one_sentence_too(chatlog: Chatlog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    done = chatlog("events", "tail")
    assert done.status == 1
    assert "Kafka at 127.0.0.1:1 does not answer" in done.err


def test_the_tail_tells_the_story_in_the_order_of_time(chatlog: Chatlog, story: Story) -> None:
    arguments = ["events", "tail", "--from", "10m", "--no-follow", "--about", story.conversation_id]
    done = chatlog(*arguments, "--json")
    assert done.status == 0, done.err
    told = [json.loads(line) for line in done.out.splitlines()]
    assert [one["event"] for one in told if one["topic"] == CONVERSATIONS.name] == [
        "MessageSent",
        "SubmissionRepeated",
    ]
    assert [one["timestamp"] for one in told] == sorted(one["timestamp"] for one in told)
    assert {one["event"] for one in told} >= {"MessageSubmitted", "ReadMarkerMoved"}
    for_people = chatlog(*arguments, "--count", "3")
    assert len(for_people.out.splitlines()) == 3
    assert "asks to send" in for_people.out


def test_only_whole_names_are_looked_for(chatlog: Chatlog, story: Story) -> None:
    arguments = ["events", "tail", "--from", "10m", "--no-follow", "--json", "--about"]
    _, ann, _ = story.conversation_id.split(":")
    assert chatlog(*arguments, ann[1:]).out == "", "part of a name is none"
    told = [json.loads(line) for line in chatlog(*arguments, ann).out.splitlines()]
    assert {one["event"] for one in told} >= {"MessageSent", "ReadMarkerMoved"}
    (sent,) = [one for one in told if one["event"] == "MessageSent"]
    assert sent["value"]["conversation_id"] == story.conversation_id


def test_a_dead_letter_is_listed_shown_and_replayed(chatlog: Chatlog, writer: Writer) -> None:
    value = b"\x00poison"
    offset = writer.write(
        "queries.dead",
        value,
        0,
        key=b"ann",
        headers=[
            ("chat-group", b"queries"),
            ("chat-topic", b"chat.users-that-were"),
            ("chat-partition", b"0"),
            ("chat-offset", b"12"),
            ("chat-timestamp", b"1763726400000"),
            ("chat-code", b"unknown_schema"),
            ("chat-detail", b"schema id 7 \x1b[2J"),
        ],
    )
    listed = json.loads(chatlog("dead", "list", "queries", "--json").out)
    letter = next(one for one in listed if one["offset"] == offset)
    assert (letter["code"], letter["source_offset"]) == ("unknown_schema", 12)
    assert bytes.fromhex(letter["value"]) == value
    for_people = chatlog("dead", "list", "queries").out.splitlines()
    assert any(line.endswith("  unknown_schema  schema id 7 �[2J") for line in for_people)
    shown = chatlog("dead", "show", "queries", str(offset))
    assert "unknown_schema" in shown.out
    assert "\x1b" not in shown.out
    lost = chatlog("dead", "replay", "queries", str(offset))
    assert lost.status == 1, "its topic does not exist"
    assert "was not replayed" in lost.out


def test_a_replay_publishes_the_same_bytes_to_the_same_place(
    stack: Stack, chatlog: Chatlog, writer: Writer, story: Story
) -> None:
    value, key = b"\x00the bytes as they were", b"d:x:y"
    offset = writer.write(
        "history.dead",
        value,
        0,
        key=key,
        headers=[
            ("chat-topic", delivery_topic(story.gateway).encode()),
            ("chat-partition", b"0"),
            ("chat-offset", b"3"),
            ("chat-code", b"malformed"),
        ],
    )
    done = chatlog("dead", "replay", "history", str(offset), "--json")
    assert done.status == 0, done.err
    (outcome,) = json.loads(done.out)
    assert outcome["from"] == f"history.dead@{offset}"
    last = records(stack, delivery_topic(story.gateway), 0)[-1]
    assert (last.value(), last.key()) == (value, key)
    assert dict(last.headers() or ())[REPLAYED_FROM] == outcome["from"].encode()


def test_a_fact_is_not_said_twice(stack: Stack, chatlog: Chatlog, writer: Writer) -> None:
    before = len(records(stack, CONVERSATIONS.name, 0))
    offset = writer.write(
        "history.dead",
        b"\x00a fact",
        0,
        headers=[
            ("chat-topic", CONVERSATIONS.name.encode()),
            ("chat-partition", b"0"),
            ("chat-offset", b"3"),
        ],
    )
    refused = chatlog("dead", "replay", "history", str(offset))
    assert refused.status == 1
    assert "only its writer" in refused.out
    assert len(records(stack, CONVERSATIONS.name, 0)) == before
