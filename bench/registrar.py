"""Says of every session that it is registered, where no worker does: gateways alone are measured.

In: `chat.sessions`, from its end when it starts. Out: SessionsRegistered on delivery topics, so
that clients are welcomed. It keeps nothing, and nobody is ever told anything else.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import Consumer, Producer, TopicPartition

from events.codec import Codec
from events.deliveries import SessionsRegistered
from events.sessions import SessionOpened
from events.topics import SESSIONS, delivery_topic
from infra.settings import KafkaSettings

_KAFKA_SECONDS = 10.0
_LOOK_SECONDS = 0.02
_RECORDS = 500


@contextmanager
def registrar(kafka: KafkaSettings, codec: Codec) -> Iterator[None]:
    """Registers sessions until it is left."""
    places = [TopicPartition(SESSIONS.name, number) for number in range(SESSIONS.partitions)]
    consumer = Consumer(
        {**kafka.connection(), "group.id": "none", "enable.auto.commit": False},
    )
    producer = Producer({**kafka.connection(), "linger.ms": 1})
    for place in places:
        place.offset = consumer.get_watermark_offsets(place, timeout=_KAFKA_SECONDS)[1]
    consumer.assign(places)
    stopping = threading.Event()
    thread = threading.Thread(
        target=_register, args=(consumer, producer, codec, stopping), name="registrar", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()
        producer.flush(_KAFKA_SECONDS)
        consumer.close()


def _register(
    consumer: Consumer, producer: Producer, codec: Codec, stopping: threading.Event
) -> None:
    while not stopping.is_set():
        opened: dict[tuple[str, str], list[int]] = {}
        for record in consumer.consume(_RECORDS, _LOOK_SECONDS):
            value = record.value()
            event = None if record.error() or value is None else codec.decode(value)
            if isinstance(event, SessionOpened):
                gateway = (event.gateway_id, event.gateway_epoch)
                opened.setdefault(gateway, []).append(event.session_id)
        for (gateway_id, epoch), session_ids in opened.items():
            said = SessionsRegistered(
                gateway_id=gateway_id, gateway_epoch=epoch, session_ids=tuple(session_ids)
            )
            producer.produce(delivery_topic(gateway_id), codec.encode(said))
        producer.poll(0)
