"""Records that a group could not take, set aside so that their partition goes on.

A dead letter is the original key and bytes on `<group>.dead`, with where and why in headers. It is
confirmed by Kafka before the batch it came from is finished. A batch that is repeated may set the
same record aside twice: readers tell letters apart by topic, partition and offset. Of a record that
is longer than a producer takes (one that came compressed may be) the letter holds the beginning,
and says so: otherwise it could never be set aside, and its partition would stand still for ever.
"""

import asyncio

import structlog
from confluent_kafka import Message

from events.text import cut
from infra.producer import Publisher

BYTES_MAX = 900_000
"""Of a value in a letter; librdkafka takes 1,000,000 with key and headers."""

KEY_BYTES_MAX = 65_536
DETAIL_LENGTH_MAX = 1_000

log = structlog.get_logger()


class DeadLetters:
    """The dead letters of one consumer group."""

    def __init__(self, group: str, publisher: Publisher) -> None:
        self.group = group
        self._publisher = publisher

    def set_aside(self, record: Message, code: str, detail: str) -> "asyncio.Future[int]":
        """Publish one record to the dead letters; the future is its confirmation."""
        log.error(
            "record set aside",
            group=self.group,
            topic=record.topic(),
            partition=record.partition(),
            offset=record.offset(),
            code=code,
            detail=detail,
        )
        whole_key, whole_value = record.key(), record.value()
        key = whole_key and bytes(whole_key)[:KEY_BYTES_MAX]
        value = whole_value and bytes(whole_value)[:BYTES_MAX]
        is_cut = [("chat-cut", b"1")] if (key, value) != (whole_key, whole_value) else []
        return self._publisher.publish_bytes(
            f"{self.group}.dead",
            value,
            key=key,
            headers=[
                *is_cut,
                ("chat-group", self.group.encode()),
                ("chat-topic", str(record.topic()).encode()),
                ("chat-partition", str(record.partition()).encode()),
                ("chat-offset", str(record.offset()).encode()),
                ("chat-timestamp", str(record.timestamp()[1]).encode()),
                ("chat-code", code.encode()),
                ("chat-detail", cut(detail, DETAIL_LENGTH_MAX).encode(errors="replace")),
            ],
        )
