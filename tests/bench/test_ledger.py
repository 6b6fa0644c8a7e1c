from hypothesis import given
from hypothesis import strategies as st

from bench.figures import quantiles_ms
from bench.ledger import Ledger, Side, Stage


def settled(ledger: Ledger) -> bool:
    return ledger.is_settled and not any(ledger.missing().values())


def test_a_message_that_reached_everything_is_complete_and_timed_from_its_due_time():
    ledger, ann, bob = Ledger(), Side(), Side()
    ledger.measure_from(0.0)
    number = ledger.sent(ann, due=1.0)
    ledger.accepted(ann, number, 1, 1.5)
    assert ledger.delivered(bob, number, 1, 2.0)
    ledger.ticked(ann, "delivered", 1, 3.0)
    ledger.ticked(ann, "read", 1, 4.0)
    assert settled(ledger)
    assert [list(ledger.samples[stage]) for stage in Stage] == [[0.5], [1.0], [2.0], [3.0]]
    assert (ledger.doubled, ledger.reordered, ledger.gaps) == (0, 0, 0)


def test_messages_due_before_the_measurement_are_counted_and_not_timed():
    ledger, ann = Ledger(), Side()
    ledger.measure_from(5.0)
    ledger.accepted(ann, ledger.sent(ann, due=4.9), 1, 6.0)
    assert ledger.missing()["accepted"] == 0
    assert not ledger.samples[Stage.ACCEPTED]


def test_one_tick_counts_for_all_messages_below_it():
    ledger, ann = Ledger(), Side()
    ledger.measure_from(0.0)
    for seq in (1, 2, 3):
        ledger.accepted(ann, ledger.sent(ann, due=1.0), seq, 1.0)
    ledger.ticked(ann, "read", 2, 2.0)
    assert ledger.missing()["read_tick"] == 1


def test_what_was_read_was_delivered():
    ledger, ann = Ledger(), Side()
    ledger.accepted(ann, ledger.sent(ann, due=1.0), 1, 1.0)
    ledger.ticked(ann, "read", 1, 2.0)
    assert ledger.missing()["delivered_tick"] == 0


def test_a_tick_that_overtook_the_acceptance_counts():
    ledger, ann = Ledger(), Side()
    number = ledger.sent(ann, due=1.0)
    ledger.ticked(ann, "delivered", 1, 2.0)
    ledger.accepted(ann, number, 1, 3.0)
    assert ledger.missing()["delivered_tick"] == 0


def test_a_message_shown_twice_is_doubled():
    ledger, ann, bob = Ledger(), Side(), Side()
    number = ledger.sent(ann, due=1.0)
    assert ledger.delivered(bob, number, 1, 2.0)
    assert not ledger.delivered(bob, number, 1, 2.0)
    assert not ledger.delivered(bob, number, 2, 2.0)
    assert ledger.doubled == 2


def test_a_hole_is_a_gap_and_what_comes_late_is_reordered():
    ledger, ann, bob = Ledger(), Side(), Side()
    first, second = ledger.sent(ann, due=1.0), ledger.sent(ann, due=1.0)
    ledger.delivered(bob, second, 2, 2.0)
    ledger.delivered(bob, first, 1, 2.0)
    assert (ledger.gaps, ledger.reordered) == (1, 1)


def test_a_senders_messages_accepted_in_another_order_are_reordered():
    ledger, ann = Ledger(), Side()
    first, second = ledger.sent(ann, due=1.0), ledger.sent(ann, due=1.0)
    ledger.accepted(ann, second, 1, 2.0)
    ledger.accepted(ann, first, 2, 2.0)
    assert ledger.reordered == 1


def test_a_message_that_was_refused_is_not_waited_for_and_not_lost():
    ledger, ann = Ledger(), Side()
    first, second = ledger.sent(ann, due=1.0), ledger.sent(ann, due=1.0)
    ledger.refused(ann, first)
    assert ledger.missing()["accepted"] == 1
    assert not ledger.is_settled
    ledger.accepted(ann, second, 1, 2.0)
    assert ledger.reordered == 0


@given(st.lists(st.booleans(), max_size=30), st.data())
def test_any_faithful_system_leaves_nothing_missing_and_nothing_broken(senders, data):
    ledger, sides = Ledger(), (Side(), Side())
    sent = [(sides[who], sides[not who], ledger.sent(sides[who], due=0.0)) for who in senders]
    for seq, (mine, theirs, number) in enumerate(sent, 1):
        ledger.accepted(mine, number, seq, 1.0)
        assert ledger.delivered(theirs, number, seq, 1.0)
    for side in sides:
        for kind in ("delivered", "read"):
            ledger.ticked(side, kind, data.draw(st.integers(0, len(sent))), 1.0)
            ledger.ticked(side, kind, len(sent), 1.0)
    assert settled(ledger)
    assert (ledger.doubled, ledger.reordered, ledger.gaps) == (0, 0, 0)


@given(st.lists(st.floats(0, 1e3), min_size=1))
def test_quantiles_are_samples_and_rise(samples):
    found = quantiles_ms(samples)
    values = [found["p50_ms"], found["p90_ms"], found["p99_ms"], found["max_ms"]]
    assert values == sorted(values)
    assert found["max_ms"] == round(max(samples) * 1000, 2)
    assert found["count"] == len(samples)


def test_the_median_of_four_is_the_second():
    assert quantiles_ms([0.004, 0.001, 0.003, 0.002])["p50_ms"] == 2.0
