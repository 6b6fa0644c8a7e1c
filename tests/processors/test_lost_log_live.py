"""A log that was restored, or lost its end, on real Kafka: gone on with, or refused and named.

With a stack of its own, a broker and the registry, since what is lost here is lost for everybody.
"""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from http.client import HTTPConnection

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from events.conversations import SubmissionsRestarted
from events.messages import MessageSent
from events.topics import CONVERSATIONS, SNAPSHOTS, SUBMISSIONS, Topic, partition_of
from infra import registry, topics
from infra.catalogues import CatalogueSettings
from infra.losses import losses
from infra.settings import load
from infra.stack import cluster
from infra.stack.services import worker
from infra.stack.stack import Stack
from tests.examples import CONVERSATION, message_id, submitted
from tests.live import codec_of, decisions, kafka_of, records, until

WORKER = "worker-admission"
PARTITION = partition_of(CONVERSATION)

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A broker and the registry, with topics and schemas."""
    stack = Stack(tmp_path_factory.mktemp("lost") / "stack", quick=True)
    stack.folder.mkdir()
    cluster.decide(stack.folder, 1, False)
    try:
        stack.start_parts("kafka", "registry")
        stack.write_environment()
        settings = load(CatalogueSettings, stack.environment())
        topics.apply(settings.kafka)
        registry.apply(settings.registry, settings.schemas)
        yield stack
    finally:
        stack.stop()


def start(stack: Stack, generation: int = 0) -> None:
    """Admission and snapshots; it counts as started while it lives, also when a role stopped."""
    environment = {"CHAT_KAFKA_LOG_GENERATION": str(generation)}
    service = worker(stack.ports, WORKER, ("admission", "snapshots"), environment)
    ready_url = service.ready_url.replace("readyz", "livez")
    stack.run(replace(service, ready_url=ready_url, ready_seconds_max=240.0))


def stopped(stack: Stack) -> Mapping[str, str | None]:
    """Why each role has stopped."""
    port = stack.ports.known()[f"{WORKER}.health"]
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/readyz")
    answer = json.loads(connection.getresponse().read())
    return {role: said["stopped"] for role, said in answer["roles"].items()}


def submit(stack: Stack, *numbers: int) -> None:
    codec = codec_of(stack)
    ids = {number: message_id(number, int(time.time() * 1_000)) for number in numbers}
    said = [submitted(number, client_message_id=ids[number]) for number in numbers]
    append(stack, SUBMISSIONS, [codec.encode(one) for one in said])


def append(stack: Stack, topic: Topic, values: list[bytes | None]) -> None:
    producer = Producer(kafka_of(stack).connection())
    for value in values:
        producer.produce(topic.name, value, partition=PARTITION)
    assert producer.flush(60) == 0


def make_anew(stack: Stack, *wanted: Topic) -> None:
    """Delete topics and make them again, empty."""
    kafka = kafka_of(stack)
    admin = AdminClient(kafka.connection())
    for deleted in admin.delete_topics([topic.name for topic in wanted]).values():
        deleted.result(60)
    until_gone = [topic.name for topic in wanted]
    while set(until_gone) & topics.partition_counts(admin).keys():
        pass
    topics.apply(kafka)


async def sent(stack: Stack, count: int) -> list[MessageSent]:
    """The messages that count, once there are so many."""

    def found() -> list[MessageSent] | None:
        facts = [one for one in decisions(stack, PARTITION) if isinstance(one, MessageSent)]
        return facts if len(facts) >= count else None

    return await until(found, seconds=120, what=f"message {count}")  # type: ignore[return-value]


async def test_facts_restored_elsewhere_are_gone_on_with(small: Stack) -> None:
    """At offsets that differ by one, while submissions begin anew and hold some already."""
    start(small)
    submit(small, *range(1, 9))
    await sent(small, 8)
    small.stop_part(WORKER)
    facts = [record.value() for record in records(small, CONVERSATIONS.name, PARTITION)]

    make_anew(small, CONVERSATIONS, SUBMISSIONS, SNAPSHOTS)
    append(small, CONVERSATIONS, [b"a word of the tool that restored it", *facts])
    submit(small, 21)
    start(small, generation=1)
    submit(small, 22, 23)

    found = await sent(small, 11)
    assert [one.seq for one in found] == list(range(1, 12))
    assert [one.body for one in found[8:]] == [f"message {number}" for number in (21, 22, 23)]
    restarted = [
        one for one in decisions(small, PARTITION) if isinstance(one, SubmissionsRestarted)
    ]
    assert [one.submissions_from for one in restarted] == [0]


async def test_a_lost_end_is_refused_and_the_way_out_goes_on(small: Stack) -> None:
    start(small)
    submit(small, *range(1, 9))
    await sent(small, 8)
    small.stop_part(WORKER)
    facts = [record.value() for record in records(small, CONVERSATIONS.name, PARTITION)]
    kept = facts[:-3]

    make_anew(small, CONVERSATIONS)
    append(small, CONVERSATIONS, kept)
    assert any("and the log ends at" in str(one) for one in losses(kafka_of(small)))
    start(small)
    await until(lambda: stopped(small)["admission"], seconds=120, what="admission stops")
    assert "docs/deploying.md" in str(stopped(small)["admission"])
    submit(small, 21)
    assert [record.value() for record in records(small, CONVERSATIONS.name, PARTITION)] == kept

    small.stop_part(WORKER)
    start(small, generation=1)
    # The submissions of what was lost are still there: they are decided once more.
    found = await sent(small, 9)
    assert [one.seq for one in found] == list(range(1, 10))
    assert [one.body for one in found] == [f"message {n}" for n in (*range(1, 9), 21)]
