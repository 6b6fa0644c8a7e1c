"""Records that a group could not take, set aside so that their partition goes on.

A dead letter is the original key and bytes on `<group>.dead`, with where and why in headers. It is
confirmed by Kafka before the batch it came from is finished. A batch that is repeated may set the
same record aside twice: readers tell letters apart by topic, partition and offset.
"""

import asyncio

import structlog
from confluent_kafka import Message

from infra.producer import Publisher

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
        return self._publisher.publish_bytes(
            f"{self.group}.dead",
            record.value(),
            key=record.key(),
            headers=[
                ("chat-group", self.group.encode()),
                ("chat-topic", str(record.topic()).encode()),
                ("chat-partition", str(record.partition()).encode()),
                ("chat-offset", str(record.offset()).encode()),
                ("chat-timestamp", str(record.timestamp()[1]).encode()),
                ("chat-code", code.encode()),
                ("chat-detail", detail[:1_000].encode()),
            ],
        )
