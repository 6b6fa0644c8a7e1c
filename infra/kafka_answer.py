"""The answer to a request of Kafka's admin client: what came, or a KafkaException."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TypeVar

from confluent_kafka import KafkaError, KafkaException

_Answer = TypeVar("_Answer")


def answer_of(asked: Future[_Answer], seconds: float) -> _Answer:
    """Wait for the answer. Raises KafkaException, also when none comes.

    A future would raise TimeoutError then, which nobody expects who asks Kafka: a broker that has
    just died is asked for as long as the others do not know.
    """
    try:
        return asked.result(seconds)
    except TimeoutError as error:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT)) from error
