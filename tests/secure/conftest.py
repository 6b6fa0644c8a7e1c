"""Everything here runs on a stack under lock, also the journeys that are played here again."""

from dataclasses import replace

import pytest

from events.topics import DELIVERIES, delivery_topic
from infra import topics
from infra.access import edge_principal
from infra.stack.stack import Stack
from tests.journeys.conftest import rows, system, traffic
from tests.live import kafka_of

__all__ = ["rows", "system", "traffic"]

GATEWAYS = ("gateway-1", "gateway-2")


@pytest.fixture(scope="session")
def stack(locked: Stack) -> Stack:
    """With two gateways that were let in, and made their topics with their own rights."""
    locked.admit(*map(edge_principal, GATEWAYS))
    for name in GATEWAYS:
        topic = replace(DELIVERIES, name=delivery_topic(name))
        topics.apply(kafka_of(locked, edge_principal(name)), (topic,))
    return locked
