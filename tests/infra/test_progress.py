"""How far the log goes, also after its leader was elected anew."""

from confluent_kafka import KafkaException

from events.topics import CONVERSATIONS
from infra.progress import LogProgress
from infra.stack.stack import Stack
from tests.live import kafka_of, until


async def test_it_is_told_after_kafka_was_killed_and_started(stack: Stack) -> None:
    progress = LogProgress(kafka_of(stack), CONVERSATIONS.name)
    partitions = range(CONVERSATIONS.partitions)
    before = await progress.ends(partitions)
    stack.kill("kafka")
    stack.start_part("kafka")

    other = LogProgress(kafka_of(stack), CONVERSATIONS.name)
    await until(lambda: _answers(other), what="an answer to a fresh client")

    assert await progress.ends(partitions) == before
    assert await progress.committed("nobody", partitions) == dict.fromkeys(partitions, 0)


def _answers(progress: LogProgress) -> bool:
    try:
        return bool(progress._offsets.ends([(CONVERSATIONS.name, 0)]))
    except KafkaException:
        return False
