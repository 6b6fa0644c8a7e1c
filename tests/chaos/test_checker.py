"""The offline checker finds each kind of anomaly, planted in a history that is otherwise whole."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from chaos.checker import check
from chaos.evidence_form import Evidence, Fact, Letter, Move
from chaos.history import Began, Ended, Line, Marked, Shown

CONVERSATION = "d:ann:bob"
POISON = Letter("history", "chat.conversations", 1, 7, "aa")


@dataclass
class Run:
    """What a run left: two people, six messages in turn, all read."""

    lines: list[Line] = field(default_factory=list)
    evidence: Evidence = field(init=False)

    def __post_init__(self) -> None:
        facts = []
        for number in range(1, 7):
            sender = ("ann", "bob")[number % 2]
            at = float(number)
            self.lines.append(Began(at, sender, CONVERSATION, number))
            self.lines.append(Ended(at + 0.2, number, seq=number))
            for device in ("ann", "bob"):
                self.lines.append(
                    Shown(at + 0.3, device, CONVERSATION, number, sender, str(number))
                )
            self.lines.append(Marked(at + 0.4, sender, CONVERSATION, "ann", number, number))
            facts.append(Fact(CONVERSATION, number, sender, str(number)))
        self.evidence = Evidence(
            facts=facts,
            rows=list(facts),
            moves=[Move(CONVERSATION, "ann", "read", 6)],
            letters=[POISON],
            planted=[POISON],
            lag={"history": 0},
            differences={"history": ""},
            unsettled=[],
        )

    def change(self, **fields: Any) -> None:
        self.evidence = msgspec.structs.replace(self.evidence, **fields)

    def drop(self, line: Line) -> None:
        self.lines.remove(line)

    def shown(self, device: str, seq: int) -> Shown:
        return next(
            line
            for line in self.lines
            if isinstance(line, Shown) and (line.device, line.seq) == (device, seq)
        )

    def anomalies(self) -> set[str]:
        return {anomaly.name for anomaly in check(self.lines, self.evidence)}


PLANTED: dict[str, tuple[Callable[[Run], None], set[str]]] = {}


def planted(*names: str) -> Callable[[Callable[[Run], None]], Callable[[Run], None]]:
    def keep(plant: Callable[[Run], None]) -> Callable[[Run], None]:
        PLANTED[plant.__name__] = (plant, set(names))
        return plant

    return keep


def as_facts(run: Run, facts: list[Fact]) -> None:
    """The log has these facts, and everybody was shown them: only the sends say otherwise."""
    run.change(facts=facts, rows=list(facts))
    run.lines = [line for line in run.lines if not isinstance(line, Shown)]
    for device in ("ann", "bob"):
        run.lines += [
            Shown(9.0, device, one.conversation, one.seq, one.sender, one.body) for one in facts
        ]


def fact(seq: int, body: int) -> Fact:
    return Fact(CONVERSATION, seq, ("ann", "bob")[body % 2], str(body))


@planted("lost_write")
def an_accepted_message_is_no_fact(run: Run) -> None:
    as_facts(run, run.evidence.facts[:5])
    run.lines = [line for line in run.lines if not (isinstance(line, Marked) and line.read == 6)]
    run.change(moves=[])


@planted("inconsistent_seq")
def another_seq_was_told(run: Run) -> None:
    told = Ended(6.2, 6, seq=6)
    run.lines[run.lines.index(told)] = Ended(6.2, 6, seq=5)


@planted("duplicate", "inconsistent_seq")
def a_message_is_two_facts(run: Run) -> None:
    as_facts(run, [*run.evidence.facts, fact(7, 6)])


@planted("aborted_read")
def a_refused_message_is_a_fact(run: Run) -> None:
    run.lines[run.lines.index(Ended(6.2, 6, seq=6))] = Ended(6.2, 6, code="forbidden")


@planted("aborted_read")
def somebody_never_sent_it(run: Run) -> None:
    as_facts(run, [*run.evidence.facts, fact(7, 99)])


@planted("order")
def a_seq_is_left_out(run: Run) -> None:
    run.lines.append(Began(7.0, "bob", CONVERSATION, 7))
    as_facts(run, [*run.evidence.facts, fact(8, 7)])


@planted("not_linear", "inconsistent_seq")
def a_later_message_comes_before_an_accepted_one(run: Run) -> None:
    as_facts(run, [*run.evidence.facts[:4], fact(5, 6), fact(6, 5)])


@planted("reordered")
def a_device_has_its_messages_turned_round(run: Run) -> None:
    run.lines += [Began(7.0, "bob", CONVERSATION, 7), Began(7.1, "bob", CONVERSATION, 9)]
    as_facts(run, [*run.evidence.facts, fact(7, 9), fact(8, 7)])


@planted("skip")
def a_device_misses_a_message(run: Run) -> None:
    run.drop(run.shown("bob", 3))


@planted("shown_twice")
def a_device_is_shown_one_twice(run: Run) -> None:
    run.lines.insert(run.lines.index(run.shown("bob", 3)), run.shown("bob", 3))


@planted("shown_reordered")
def a_device_is_shown_another_order(run: Run) -> None:
    one, other = (run.lines.index(run.shown("bob", seq)) for seq in (3, 4))
    run.lines[one], run.lines[other] = run.lines[other], run.lines[one]


@planted("shown_other")
def a_device_is_shown_another_text(run: Run) -> None:
    seen = run.shown("bob", 3)
    run.lines[run.lines.index(seen)] = msgspec.structs.replace(seen, body="33")


@planted("leak")
def a_stranger_is_shown_a_message(run: Run) -> None:
    run.lines.append(Shown(7.0, "eve", CONVERSATION, 1, "bob", "1"))


@planted("skip")
def a_row_is_missing(run: Run) -> None:
    run.change(rows=run.evidence.rows[:-1])


@planted("replay_differs")
def a_fold_of_the_log_differs(run: Run) -> None:
    run.change(differences={"history": "one cell differs"})


@planted("lag")
def a_group_is_behind(run: Run) -> None:
    run.change(lag={"history": 3})


@planted("receipt")
def a_stranger_moved_a_marker(run: Run) -> None:
    run.change(moves=[Move(CONVERSATION, "eve", "read", 1)])


@planted("receipt")
def a_marker_is_beyond_the_facts(run: Run) -> None:
    run.change(moves=[Move(CONVERSATION, "ann", "read", 7)])


@planted("receipt_fell")
def a_device_is_told_of_a_fall(run: Run) -> None:
    run.lines.append(Marked(9.0, "bob", CONVERSATION, "ann", 1, 1))


@planted("skipped")
def poison_vanished(run: Run) -> None:
    run.change(letters=[])


@planted("set_aside")
def a_good_record_was_set_aside(run: Run) -> None:
    run.change(planted=[])


@planted("set_aside")
def a_dead_letter_has_other_bytes(run: Run) -> None:
    run.change(letters=[msgspec.structs.replace(POISON, digest="bb")])


@planted("unsettled")
def a_message_came_to_no_end(run: Run) -> None:
    run.change(unsettled=[6])


def test_a_whole_run_has_no_anomaly() -> None:
    assert Run().anomalies() == set()


def test_an_unknown_send_may_be_a_fact_or_not() -> None:
    run = Run()
    run.drop(Ended(6.2, 6, seq=6))
    assert run.anomalies() == set()
    as_facts(run, run.evidence.facts[:5])
    run.lines = [line for line in run.lines if not (isinstance(line, Marked) and line.read == 6)]
    run.change(moves=[])
    assert run.anomalies() == set()


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_planted_is_found(name: str) -> None:
    run = Run()
    plant, found = PLANTED[name]
    plant(run)
    assert run.anomalies() == found
