"""What is kept of the last run: complete, and every case that is not OK has its reason."""

from cli.conformance_page import GROUPS, REASONS, RUNS, load, reason_for


def test_every_case_that_is_not_ok_is_explained_and_nothing_else_is() -> None:
    used = {
        reason_for(case, outcome)
        for run in load().runs
        for case, outcome in run.cases.items()
        if not outcome.is_ok
    }
    assert used == set(REASONS.values())


def test_both_endpoints_met_the_same_cases_of_every_group() -> None:
    runs = load().runs
    assert [run.name for run in runs] == list(RUNS)
    assert runs[0].cases.keys() == runs[1].cases.keys()
    assert {case.partition(".")[0] for case in runs[0].cases} == set(GROUPS)


def test_where_everything_is_taken_nothing_fails() -> None:
    _, unlimited = load().runs
    assert not [case for case, one in unlimited.cases.items() if "FAILED" in one.behavior]
