"""Plans: one seed, one plan; what a mix always holds; what fits together."""

from hypothesis import given
from hypothesis import strategies as st

from chaos.faults import catalogue
from chaos.plan import every_one, family, mixed, of_names

FAULTS = catalogue()
NAMED_BY_THE_ISSUE = (
    *(f"F{number}" for number in (1, 2, 3, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 18, 23, 28, 29)),
    *(f"F{number}" for number in (30, 33, 34, 50, 51, 52, 60)),
)
SEEDS = st.integers(0, 2**32)
BROKERS = st.sampled_from((1, 3))


def test_every_fault_that_is_wanted_is_there() -> None:
    assert {one.number for one in FAULTS.values()} >= set(NAMED_BY_THE_ISSUE)
    on_three = {one.number for one in FAULTS.values() if 3 in one.brokers}
    assert on_three >= {"F18", "F23"}


def test_every_fault_says_in_a_sentence_what_it_does() -> None:
    for one in FAULTS.values():
        assert one.sentence.endswith("."), one.name
        assert one.hold_seconds >= 0
        assert one.weight_seconds > 0


@given(SEEDS, BROKERS)
def test_one_seed_gives_one_plan(seed: int, brokers: int) -> None:
    first, second = (mixed(FAULTS, seed=seed, brokers=brokers, seconds=300) for _ in range(2))
    assert first == second


@given(SEEDS, BROKERS, st.floats(0, 3_000))
def test_a_mix_fits_its_time_and_its_brokers(seed: int, brokers: int, seconds: float) -> None:
    plan = mixed(FAULTS, seed=seed, brokers=brokers, seconds=seconds)
    always = {name for name, one in FAULTS.items() if one.always and brokers in one.brokers}
    firsts = [step[0] for step in plan.steps]
    assert always <= {name for step in plan.steps for name in step} | plan.left_out.keys()
    assert len(firsts) == len(set(firsts))
    assert all(brokers in FAULTS[name].brokers for step in plan.steps for name in step)
    assert all(len({family(name) for name in step}) == len(step) for step in plan.steps)
    spent = sum(FAULTS[name].weight_seconds for name in firsts)
    assert spent <= max(seconds, sum(FAULTS[name].weight_seconds for name in always))


def test_mixes_differ_and_reach_every_fault() -> None:
    plans = [mixed(FAULTS, seed=seed, brokers=1, seconds=300) for seed in range(60)]
    held = {name for plan in plans for step in plan.steps for name in step}
    assert held == {name for name, one in FAULTS.items() if 1 in one.brokers} - {
        name for name, one in FAULTS.items() if one.missing()
    }
    assert any(len(step) == 2 for plan in plans for step in plan.steps)


def test_every_fault_is_there_once() -> None:
    plan = every_one(FAULTS, seed=1, brokers=3)
    usable = [name for name, one in FAULTS.items() if 3 in one.brokers]
    assert [name for (name,) in plan.steps] == usable


def test_faults_may_be_named() -> None:
    plan = of_names(FAULTS, ["poison", "redis-emptied"], seed=1, brokers=1)
    assert plan.steps == [("poison",), ("redis-emptied",)]
