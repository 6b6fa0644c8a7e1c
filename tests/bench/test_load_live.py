"""The closed loop on the real system: a gateway and a worker on the real stack."""

import os
from collections.abc import Iterator

import pytest

from bench.commands import Connected, ConnectPairs, Flow, Loaded, Measuring, Sent
from bench.driver import Driver
from bench.world import EDGE
from events.deliveries import AnnouncementRequested
from events.topics import delivery_topic
from infra.stack.services import gateway, worker
from infra.stack.stack import Stack
from tests.live import codec_of, records

GATEWAY, WORKER = "bench-gateway", "bench-worker"
PAIRS = 5
RUNS_MAX = 5


@pytest.fixture(scope="module")
def system(stack: Stack) -> Iterator[Stack]:
    services = (worker(stack.ports, WORKER), gateway(stack.ports, GATEWAY, EDGE))
    stack.run(*services)
    yield stack
    for service in reversed(services):
        stack.stop_part(service.name)
        service.forget(stack.folder)


@pytest.mark.parametrize("in_flight", [1, 8])
def test_every_message_of_a_closed_loop_is_delivered_and_read(system: Stack, in_flight: int):
    """The devices of a load do not fetch: a run during which the gateway's sessions ended is void.

    They end when nothing of the gateway was heard for 15 s, as on a machine that stands still; it
    is asked to announce them again then. A real device fetches what it missed (tests/journeys).
    """
    for _ in range(RUNS_MAX):
        before = asked_to_announce(system)
        sent, loaded = run(system, in_flight)
        if loaded.is_whole or asked_to_announce(system) == before:
            break
    assert loaded.is_whole, loaded
    assert set(loaded.latencies) == {"accepted", "delivered", "delivered_tick", "read_tick"}
    assert loaded.messages >= sent.measured_messages + PAIRS * in_flight


def asked_to_announce(system: Stack) -> int:
    """How often the gateway was asked to say again who is connected."""
    codec = codec_of(system)
    found = [codec.decode(one.value()) for one in records(system, delivery_topic(GATEWAY), 0)]
    return sum(isinstance(one, AnnouncementRequested) for one in found)


def run(system: Stack, in_flight: int) -> tuple[Sent, Loaded]:
    """One closed loop of two seconds."""
    with Driver({**os.environ, **system.environment()}) as driver:
        driver.tell(ConnectPairs(PAIRS))
        assert driver.wait(Connected, 120.0).sockets == 2 * PAIRS
        driver.tell(
            Flow(
                in_flight=in_flight,
                warm_up_seconds=0.5,
                seconds=2.0,
                body_bytes=80,
                read_after_seconds=0.02,
                settle_seconds_max=60.0,
            )
        )
        driver.wait(Measuring, 60.0)
        sent = driver.wait(Sent, 60.0)
        loaded = driver.wait(Loaded, 120.0)
        assert driver.finish().ended == {}
    return sent, loaded
