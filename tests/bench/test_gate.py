"""The gate: what it lets pass, what it does not, and when it says neither."""

import msgspec
import pytest

from bench.calibration import Yardsticks
from bench.gate import Baseline, Outcome, Round, judged, verdict
from bench.scenarios.gate import Options, baseline_of

STICKS = Yardsticks(work=300.0, client=200.0, kafka=150.0)
COSTS = {"kafka": 900.0, "gateway-1": 500.0, "worker-1": 700.0, "cassandra": 400.0}
SMALL = {"redis": 20.0, "registry": 300.0, "load": 250.0, "total": 3_070.0}


def rounds(factors=(1.0, 1.02, 0.98), slow="", by=1.0, machine=1.0, disturbed=()) -> list[Round]:
    """Rounds in which one process costs more, on a machine where everything costs more."""
    return [
        Round(
            microseconds={
                name: cost * factor * machine * (by if name == slow else 1.0)
                for name, cost in {**COSTS, **SMALL}.items()
            },
            yardsticks=Yardsticks(*(one * machine for one in msgspec.structs.astuple(STICKS))),
            disturbance="a sleeper lost 9% of its time" if number in disturbed else "",
        )
        for number, factor in enumerate(factors)
    ]


BASELINE = baseline_of(rounds(), Options(), "a command")


@pytest.mark.parametrize("process", list(COSTS))
def test_fifteen_percent_more_in_one_process_fails_and_is_named(process):
    found = verdict(BASELINE, rounds(slow=process, by=1.15), 3)
    assert found.outcome is Outcome.FAILED
    (sentence,) = (said for said in found.sentences if "allowed" in said)
    assert sentence.startswith(f"{process}: a message costs 15.0% more than in the baseline")


@pytest.mark.parametrize("process", list(COSTS))
def test_five_percent_more_passes(process):
    assert verdict(BASELINE, rounds(slow=process, by=1.05), 3).outcome is Outcome.PASSED


def test_a_machine_that_is_twice_as_slow_passes_and_hides_nothing():
    assert verdict(BASELINE, rounds(machine=2.0), 3).outcome is Outcome.PASSED
    slower = rounds(machine=2.0, slow="gateway-1", by=1.15)
    assert verdict(BASELINE, slower, 3).outcome is Outcome.FAILED


def test_one_wild_round_of_three_changes_nothing_but_is_told():
    found = verdict(BASELINE, rounds(factors=(1.0, 1.0, 1.4)), 3)
    assert found.outcome is Outcome.PASSED
    assert all("rounds are 40.0% apart" in said for said in found.sentences)


def test_disturbed_rounds_are_not_judged():
    slow = rounds(slow="kafka", by=2.0, disturbed=(1,))
    found = verdict(BASELINE, slow, 3)
    assert found.outcome is Outcome.DISTURBED
    assert found.sentences == [
        "Only 2 of 3 rounds were undisturbed, 3 are needed.",
        "Round 2: a sleeper lost 9% of its time.",
    ]


def test_enough_undisturbed_rounds_are_judged_whatever_the_others_say():
    many = rounds(factors=(1.0, 5.0, 1.0, 1.0), disturbed=(1,))
    assert verdict(BASELINE, many, 3).outcome is Outcome.PASSED


def test_what_costs_little_or_is_not_ours_is_not_judged():
    assert set(BASELINE.ratios) == set(judged(rounds())) == set(COSTS)
    assert verdict(BASELINE, rounds(slow="load", by=3.0), 3).outcome is Outcome.PASSED
    assert verdict(BASELINE, rounds(slow="redis", by=1.2), 3).outcome is Outcome.PASSED


def test_a_process_that_is_new_is_told_and_one_that_is_gone_fails():
    grown = verdict(BASELINE, rounds(slow="redis", by=4.0), 3)
    assert grown.outcome is Outcome.PASSED
    assert "redis: not in the baseline; write it anew." in grown.sentences
    gone = rounds()
    for one in gone:
        del one.microseconds["kafka"]
    found = verdict(BASELINE, gone, 3)
    assert found.outcome is Outcome.FAILED
    assert "kafka: in the baseline, and not found now." in found.sentences


def test_a_process_that_became_cheap_is_judged_all_the_same():
    found = verdict(BASELINE, rounds(slow="cassandra", by=0.1), 3)
    assert found.outcome is Outcome.PASSED
    assert any(said.startswith("cassandra: a message costs 90.0% less") for said in found.sentences)


def test_a_yardstick_moves_as_its_process_does():
    assert STICKS.of("kafka") == 150.0
    assert STICKS.of("gateway-1") == pytest.approx((300.0 * 200.0) ** 0.5)
    assert STICKS.between(Yardsticks(100.0, 100.0, 50.0)) == Yardsticks(200.0, 150.0, 100.0)


def test_a_baseline_survives_json():
    assert msgspec.json.decode(msgspec.json.encode(BASELINE), type=Baseline) == BASELINE
