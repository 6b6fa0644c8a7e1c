"""Who may open a socket, when, and who is sent away until when."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.handshakes import TURN_SECONDS_MAX, Handshakes, Rules, share_of
from edge.hardening import Refusal

RULES = Rules(
    sockets_max=100,
    per_second=10.0,
    queue_seconds=0.5,
    address_sockets_max=3,
    address_per_minute=60,
    address_burst=4,
)


def refused(outcome: float | Refusal) -> tuple[int, int]:
    assert isinstance(outcome, Refusal), outcome
    return outcome.status, int(outcome.headers["Retry-After"])


def test_a_burst_waits_in_turn_and_the_rest_is_given_turns_of_their_own() -> None:
    handshakes = Handshakes(RULES)
    outcomes = [handshakes.ask(f"192.0.2.{number}", 0, 100.0) for number in range(40)]
    waits = [wait for wait in outcomes if not isinstance(wait, Refusal)]
    assert waits == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4, 0.5])
    turns = [refused(outcome) for outcome in outcomes[len(waits) :]]
    assert {status for status, _ in turns} == {503}
    later = [seconds for _, seconds in turns]
    assert later == sorted(later)
    assert max(later.count(second) for second in later) <= 10  # as many as are let through
    assert handshakes.ask("192.0.2.99", 0, 101.0) == 0.0  # the queue has passed


def test_turns_are_bounded() -> None:
    handshakes = Handshakes(RULES)
    outcomes = [handshakes.ask(str(number), 0, 100.0) for number in range(2_000)]
    seconds = [refused(one)[1] for one in outcomes if isinstance(one, Refusal)]
    assert max(seconds) == TURN_SECONDS_MAX
    assert min(seconds) >= 1


def test_one_address_has_a_share_only() -> None:
    handshakes = Handshakes(RULES)
    now = 100.0
    for _ in range(4):
        now += 0.2  # nobody waits
        assert handshakes.ask("a", 0, now) == 0.0
    assert refused(handshakes.ask("a", 0, now)) == (429, 1)
    assert handshakes.ask("b", 0, now + 0.2) == 0.0
    assert handshakes.ask("a", 0, now + 1.2) == 0.0


def test_sockets_of_an_address_are_counted_until_they_end() -> None:
    handshakes = Handshakes(RULES)
    for _ in range(3):
        handshakes.opened("a")
    assert refused(handshakes.ask("a", 3, 100.0)) == (429, 60)
    assert handshakes.ask("b", 3, 100.0) == 0.0
    handshakes.ended("a")
    assert handshakes.ask("a", 3, 101.0) == 0.0


def test_a_full_gateway_sends_away_with_turns() -> None:
    assert refused(Handshakes(RULES).ask("a", 100, 100.0)) == (503, 2)


@given(st.lists(st.floats(0, 0.3), max_size=200))
def test_never_more_than_the_rate_are_let_through_in_any_second(steps: list[float]) -> None:
    handshakes, now, through = Handshakes(RULES), 0.0, []
    for number, step in enumerate(steps):
        now += step
        wait = handshakes.ask(str(number), 0, now)
        if not isinstance(wait, Refusal):
            assert 0 <= wait <= RULES.queue_seconds
            through.append(now + wait)
    for at in through:
        assert sum(at <= other < at + 0.999 for other in through) <= 10


@pytest.mark.parametrize(
    ("address", "share"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::"),
        ("2001:db8:1:2:bbbb::1", "2001:db8:1:2::"),
        ("2001:db8:1:3::1", "2001:db8:1:3::"),
        ("", ""),
        ("no-address", "no-address"),
    ],
)
def test_an_ipv6_network_counts_as_one(address: str, share: str) -> None:
    assert share_of(address) == share
