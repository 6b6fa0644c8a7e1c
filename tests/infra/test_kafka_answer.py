"""An answer of Kafka that does not come is an error of Kafka."""

from concurrent.futures import Future

import pytest
from confluent_kafka import KafkaError, KafkaException

from infra.kafka_answer import answer_of


def test_what_came_is_the_answer():
    asked = Future()
    asked.set_result("answer")

    assert answer_of(asked, 60) == "answer"


def test_no_answer_is_an_error_that_those_who_ask_expect():
    with pytest.raises(KafkaException) as caught:
        answer_of(Future(), 0.001)

    assert caught.value.args[0].code() == KafkaError._TIMED_OUT
