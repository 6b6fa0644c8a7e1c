"""A program asks at its start whether the parts it uses are set as they must be.

Parts may be away when it starts, and it does not wait for them: a thread of its own asks each as
soon as it answers. What it finds is a reason to end, given in one sentence.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

import structlog
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from events.topics import DEAD_LETTERS, DELIVERIES, EVENT_TOPICS, Topic
from infra import topics
from infra.demands import kafka as demands_of_kafka
from infra.demands.catalogue import Breach, refuse
from infra.settings import KafkaSettings

AGAIN_SECONDS = 15.0

Ask = Callable[[], list[Breach]]

log = structlog.get_logger()


def topics_of(component: str) -> list[Topic]:
    """The topics that a component writes or reads, without those that gateways make. Pure."""
    return [
        topic
        for topic in (*EVENT_TOPICS, *DEAD_LETTERS)
        if not topic.per_gateway and component in (*topic.producers, *topic.consumers)
    ]


def kafka_breaches(kafka: KafkaSettings, wanted: list[Topic]) -> list[Breach]:
    """What is not as demanded of these topics. Raises KafkaException when it cannot be asked."""
    return demands_of_kafka.topic_breaches(_admin(kafka), kafka, wanted)


def require_topics(kafka: KafkaSettings, component: str) -> None:
    """Refuse topics that are not set as this component needs them. Raises UserError."""
    try:
        refuse(kafka_breaches(kafka, topics_of(component)))
    except KafkaException as error:
        raise topics.unreachable(kafka, error) from error


def cluster_breaches(kafka: KafkaSettings) -> list[Breach]:
    """What is not as demanded of the brokers; raises as `kafka_breaches`."""
    return demands_of_kafka.broker_breaches(_admin(kafka), kafka)


def stopped_by_one_broker(kafka: KafkaSettings, wanted: list[Topic]) -> dict[str, tuple[int, int]]:
    """Topics that take no records while one broker is away; raises as `kafka_breaches`."""
    return demands_of_kafka.stopped_by_one_broker(_admin(kafka), wanted)


def existing_delivery_topics(kafka: KafkaSettings) -> list[Topic]:
    """The topics that gateways have made; raises as `kafka_breaches`."""
    known = _admin(kafka).list_topics(timeout=topics.TIMEOUT_SECONDS).topics
    prefix = f"{DELIVERIES.name}."
    return [replace(DELIVERIES, name=name) for name in sorted(known) if name.startswith(prefix)]


def ask_in_background(
    asks: Mapping[str, Ask], on_breach: Callable[[str], None], again_seconds: float = AGAIN_SECONDS
) -> threading.Thread:
    """Ask each part until it has answered once; `on_breach` is called from the thread."""
    thread = threading.Thread(
        target=_ask, args=(dict(asks), on_breach, again_seconds), name="demands", daemon=True
    )
    thread.start()
    return thread


def _ask(waiting: dict[str, Ask], on_breach: Callable[[str], None], again_seconds: float) -> None:
    told: dict[str, str] = {}
    while True:
        for part, ask in list(waiting.items()):
            try:
                found = ask()
            except Exception as error:
                why = f"{type(error).__name__}: {error}"
                if told.get(part) != why:
                    log.warning("the settings of a part cannot be asked yet", part=part, why=why)
                told[part] = why
                continue
            del waiting[part]
            if found:
                on_breach(f"{found[0].sentence} {found[0].remedy}")
                return
        if not waiting:
            return
        time.sleep(again_seconds)


def _admin(kafka: KafkaSettings) -> AdminClient:
    return AdminClient({**kafka.connection(), "log_level": 0})
