"""The closed loop on the real system: a gateway and a worker on the real stack."""

import os
from collections.abc import Iterator

import pytest

from bench.commands import Connected, ConnectPairs, Flow, Loaded, Measuring, Sent
from bench.driver import Driver
from bench.world import EDGE
from infra.stack.services import gateway, worker
from infra.stack.stack import Stack

GATEWAY, WORKER = "bench-gateway", "bench-worker"
PAIRS = 5


@pytest.fixture(scope="module")
def system(stack: Stack) -> Iterator[Stack]:
    services = (worker(stack.ports, WORKER), gateway(stack.ports, GATEWAY, EDGE))
    stack.run(*services)
    yield stack
    for service in reversed(services):
        stack.stop_part(service.name)
        service.forget(stack.folder)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("in_flight", [1, 8])
def test_every_message_of_a_closed_loop_is_delivered_and_read(system: Stack, in_flight: int):
    with Driver({**os.environ, **system.environment()}) as driver:
        driver.tell(ConnectPairs(PAIRS))
        assert driver.wait(Connected, 60.0).sockets == 2 * PAIRS
        driver.tell(
            Flow(
                in_flight=in_flight,
                warm_up_seconds=0.5,
                seconds=2.0,
                body_bytes=80,
                read_after_seconds=0.02,
                settle_seconds_max=30.0,
            )
        )
        driver.wait(Measuring, 30.0)
        sent = driver.wait(Sent, 30.0)
        loaded = driver.wait(Loaded, 60.0)
        assert driver.finish().ended == {}
    assert loaded.is_whole, loaded
    assert set(loaded.latencies) == {"accepted", "delivered", "delivered_tick", "read_tick"}
    assert loaded.messages >= sent.measured_messages + PAIRS * in_flight > PAIRS * in_flight
