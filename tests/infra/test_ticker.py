"""The ticker on a loop whose time is told: who is looked at, how often, and when no more."""

from infra.ticker import BUSY_SECONDS, IDLE_SECONDS, LATE_SECONDS_MAX, Ticker
from tests.simulation.loop import SimulatedLoop


class Client:
    """Counts how often it is looked at; busy as long as a test says so."""

    def __init__(self, *, busy: bool = False) -> None:
        self.busy = busy
        self.looks = 0

    def look(self) -> bool:
        self.looks += 1
        return self.busy


def looks_within(loop: SimulatedLoop, client: Client, seconds: float) -> int:
    """How often a client is looked at while time passes."""
    before, until = client.looks, loop.now + seconds
    while loop.now < until:
        loop.pass_time(until - loop.now)
    return client.looks - before


def test_one_that_is_busy_makes_it_look_often_at_all() -> None:
    loop = SimulatedLoop()
    ticker = Ticker(loop)
    busy, other = Client(busy=True), Client()
    ticker.add(busy.look)
    ticker.add(other.look)
    assert 1.4 / BUSY_SECONDS < looks_within(loop, other, 1.5) <= 1.5 / BUSY_SECONDS


def test_it_looks_less_often_when_nobody_is_busy_and_wakes_at_once() -> None:
    loop = SimulatedLoop()
    ticker = Ticker(loop)
    client = Client()
    ticker.add(client.look)
    looks_within(loop, client, 1.2)
    idle = looks_within(loop, client, 0.5)
    assert 0.4 / IDLE_SECONDS < idle <= 0.5 / IDLE_SECONDS + 1
    ticker.wake()
    assert looks_within(loop, client, BUSY_SECONDS + 1e-6) == 1
    assert looks_within(loop, client, 0.5) > 2 * idle


def test_it_looks_less_often_when_its_ticks_come_late() -> None:
    loop = SimulatedLoop()
    ticker = Ticker(loop)
    client = Client(busy=True)
    ticker.add(client.look)
    free = looks_within(loop, client, 0.5)

    def crowd() -> None:
        loop.now += 0.01  # others hold up the loop
        loop.call_later(0.0, crowd)

    crowd()
    crowded = looks_within(loop, client, 1.0) / 2
    assert 0.5 / (BUSY_SECONDS + 3 * LATE_SECONDS_MAX) / 2 < crowded < free / 2


def test_who_was_removed_is_looked_at_no_more() -> None:
    loop = SimulatedLoop()
    ticker = Ticker(loop)
    client = Client(busy=True)
    ticker.add(client.look)
    assert looks_within(loop, client, 0.05) > 0
    ticker.remove(client.look)
    assert looks_within(loop, client, 0.05) == 0
    ticker.add(client.look)
    assert looks_within(loop, client, 0.05) > 0
    ticker.remove(client.look)
    ticker.remove(client.look)
