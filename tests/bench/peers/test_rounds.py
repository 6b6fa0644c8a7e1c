"""Whose turn it is, which turns count, what rounds come to."""

from bench.peers.rounds import Summary, disturbance, is_taken_again, order, summary
from bench.peers.systems import catalogue
from tests.bench.peers.turns import phase, turn


def test_systems_take_turns_in_each_round():
    assert list(order(["a", "b"], 2)) == [(1, "a"), (1, "b"), (2, "a"), (2, "b")]


def test_a_turn_on_a_quiet_machine_counts():
    assert disturbance(turn()) == ""
    assert not is_taken_again(turn())


def test_a_turn_is_disturbed_by_lost_time_and_by_others_in_any_load():
    assert "a sleeper lost 20%" in disturbance(turn(jitter=0.2))
    assert "others used 0.50" in disturbance(turn(group=phase(others=0.5)))
    assert "others used 0.30" in disturbance(turn(flows={"8": phase(others=0.3)}))


def test_a_disturbed_or_failed_turn_is_taken_again_but_not_for_ever():
    assert is_taken_again(turn(jitter=0.2))
    assert is_taken_again(turn(failed="it ended."))
    assert not is_taken_again(turn(jitter=0.2, attempt=3))
    assert not is_taken_again(turn(jitter=0.2), attempts_max=1)


def test_best_is_the_most_of_what_is_wanted_and_the_least_of_what_is_not():
    assert summary([3.0, 1.0, 2.5], more_is_better=True) == Summary(3.0, 2.5, 3)
    assert summary([3.0, 1.0, 2.5], more_is_better=False) == Summary(1.0, 2.5, 3)
    assert summary([], more_is_better=True) is None


def test_ours_comes_first_and_everybody_else_is_compared_with_it():
    names = list(catalogue())
    assert names[0] == "chatlog"
    assert {"ejabberd-postgresql", "ejabberd", "prosody", "synapse"} < set(names)


def test_every_system_says_what_its_words_mean():
    for system in catalogue().values():
        words = system.words
        assert all((words.acked, words.kept, words.receipts, words.configured)), system.name
