"""The offline checker: what was recorded and what is stored, compared. Pure.

In: the lines of a history and the evidence read after everything was healed. Out: anomalies, each
under a stable name; none when every promise held. Names follow Jepsen where it has one: a lost
write, an aborted read (what was refused or never sent is shown), a duplicate, a skip, a reordering.
A send without an end is unknown: it may be a fact once, or not at all.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from msgspec import Struct

from chaos.evidence_form import Evidence, Fact, Move
from chaos.history import Began, Ended, Line, Marked, Shown, only

_SOME = 5


class Anomaly(Struct, frozen=True):
    """One thing that should not be."""

    name: str
    sentence: str


Check = Callable[[Sequence[Line], Evidence], Iterator[Anomaly]]


def check(lines: Sequence[Line], evidence: Evidence) -> list[Anomaly]:
    """Everything that does not hold."""
    return [anomaly for one in CHECKS for anomaly in one(lines, evidence)]


def nothing_accepted_is_lost(lines: Sequence[Line], evidence: Evidence) -> Iterator[Anomaly]:
    """What was told to be accepted is a fact, at the seq that was told."""
    begun = {line.number: line for line in only(lines, Began)}
    facts = {(fact.conversation, fact.body): fact for fact in evidence.facts}
    for line in only(lines, Ended):
        if not line.seq:
            continue
        began = begun[line.number]
        fact = facts.get((began.conversation, str(line.number)))
        if fact is None:
            yield Anomaly("lost_write", f"{_said(began)} was accepted and is no fact")
        elif fact.seq != line.seq:
            told = f"{_said(began)} was told seq {line.seq} and has {fact.seq}"
            yield Anomaly("inconsistent_seq", told)


def nothing_else_is_there(lines: Sequence[Line], evidence: Evidence) -> Iterator[Anomaly]:
    """A fact is a message that was sent, by its sender, and was not refused; it is there once."""
    begun = {line.number: line for line in only(lines, Began)}
    refused = {line.number for line in only(lines, Ended) if line.code}
    counted = Counter((fact.conversation, fact.body) for fact in evidence.facts)
    for (conversation, body), count in counted.items():
        if count > 1:
            yield Anomaly("duplicate", f"message {body} of {conversation} is {count} facts")
    for fact in evidence.facts:
        began = begun.get(int(fact.body)) if fact.body.isdigit() else None
        if began is None or (began.conversation, began.device) != (fact.conversation, fact.sender):
            told = f"fact {fact.seq} of {fact.conversation} was never sent"
            yield Anomaly("aborted_read", told)
        elif began.number in refused:
            yield Anomaly("aborted_read", f"{_said(began)} was refused and is a fact")


def one_order(lines: Sequence[Line], evidence: Evidence) -> Iterator[Anomaly]:
    """In each conversation seq rises by one from one, in the order of the log."""
    for conversation, facts in _by_conversation(evidence.facts).items():
        seqs = [fact.seq for fact in facts]
        if seqs != list(range(1, len(seqs) + 1)):
            yield Anomaly("order", f"{conversation}: {_first_odd(seqs)}")


def order_in_time(lines: Sequence[Line], evidence: Evidence) -> Iterator[Anomaly]:
    """What was accepted before another was begun comes before it, and a device's sends in order."""
    ends = {line.number: line for line in only(lines, Ended) if line.seq}
    newest: dict[str, int] = {}
    own: dict[tuple[str, str], int] = {}
    seq_of = {(fact.conversation, fact.body): fact.seq for fact in evidence.facts}
    events: list[tuple[float, int, Began]] = []
    for line in only(lines, Began):
        events.append((line.at, 1, line))
        if line.number in ends:
            events.append((ends[line.number].at, 0, line))
    for _, is_beginning, began in sorted(events, key=lambda event: event[:2]):
        seq = seq_of.get((began.conversation, str(began.number)))
        if seq is None:
            continue
        if not is_beginning:
            newest[began.conversation] = max(newest.get(began.conversation, 0), seq)
            continue
        if seq < newest.get(began.conversation, 0):
            told = f"{_said(began)} has seq {seq}, below one that was accepted before it was sent"
            yield Anomaly("not_linear", told)
        place = (began.device, began.conversation)
        if seq < own.get(place, 0):
            yield Anomaly("reordered", f"{_said(began)} went behind a later one of its device")
        own[place] = max(own.get(place, 0), seq)


def devices_saw_the_facts(lines: Sequence[Line], evidence: Evidence) -> Iterator[Anomaly]:
    """Each device of each member was shown each fact once, in order, and nothing else."""
    facts = {name: _pairs(found) for name, found in _by_conversation(evidence.facts).items()}
    views: dict[tuple[str, str], list[tuple[int, str, str]]] = defaultdict(list)
    devices: dict[str, set[str]] = defaultdict(set)
    for began in only(lines, Began):
        devices[began.conversation] |= set(began.conversation.split(":")[1:])
    for shown in only(lines, Shown):
        members = shown.conversation.split(":")[1:]
        if shown.device not in members:
            yield Anomaly("leak", f"{shown.device} was shown {shown.conversation}")
        views[shown.device, shown.conversation].append((shown.seq, shown.sender, shown.body))
    for conversation, owners in devices.items():
        for device in sorted(owners):
            view = views[device, conversation]
            yield from _compared(f"{device} in {conversation}", view, facts.get(conversation, []))


def history_has_the_facts(lines: Sequence[Line], evidence: Evidence) -> Iterator[Anomaly]:
    """The timeline's rows are the facts."""
    rows = _by_conversation(evidence.rows)
    for conversation, facts in _by_conversation(evidence.facts).items():
        yield from _compared(
            f"the timeline of {conversation}", _pairs(rows.get(conversation, [])), _pairs(facts)
        )


def read_models_equal_the_log(lines: Sequence[Line], evidence: Evidence) -> Iterator[Anomaly]:
    """The log folded anew gives what is live, and no group has anything left to take."""
    for model, said in evidence.differences.items():
        if said:
            yield Anomaly("replay_differs", f"{model}: {said}")
    for group, lag in evidence.lag.items():
        if lag:
            yield Anomaly("lag", f"{group} is {lag} records behind")


def receipts_are_monotone(lines: Sequence[Line], evidence: Evidence) -> Iterator[Anomaly]:
    """Only members move markers, not beyond the newest fact; no device is told of a fall.

    A move may be twice in the log (a batch that was done again); readers keep the highest.
    """
    newest = {name: len(facts) for name, facts in _by_conversation(evidence.facts).items()}
    for move in evidence.moves:
        if not _may_move(move, newest):
            said = f"{move.user} moved {move.kind} of {move.conversation} to {move.seq}"
            yield Anomaly("receipt", said)
    told: dict[tuple[str, str, str], tuple[int, int]] = {}
    for line in only(lines, Marked):
        seen = (line.device, line.conversation, line.user)
        before = told.get(seen, (0, 0))
        if line.delivered < before[0] or line.read < before[1]:
            yield Anomaly("receipt_fell", f"{line.device} was told {line.user} is at "
                          f"{line.delivered}/{line.read} after {before}")  # fmt: skip
        if max(line.delivered, line.read) > newest.get(line.conversation, 0):
            yield Anomaly("receipt", f"{line.device} was told of a receipt beyond the newest fact")
        told[seen] = (line.delivered, line.read)


def poison_is_set_aside(lines: Sequence[Line], evidence: Evidence) -> Iterator[Anomaly]:
    """Exactly what was planted lies with the dead letters of who could not take it."""
    planted = {(one.group, one.topic, one.partition, one.offset): one for one in evidence.planted}
    letters = {(one.group, one.topic, one.partition, one.offset): one for one in evidence.letters}
    for place in sorted(planted.keys() - letters.keys()):
        yield Anomaly("skipped", f"poison at {place[1:]} was not set aside by {place[0]}")
    for place in sorted(letters.keys() - planted.keys()):
        yield Anomaly("set_aside", f"{place[0]} set {place[1:]} aside ({letters[place].code})")
    for place in planted.keys() & letters.keys():
        if planted[place].digest != letters[place].digest:
            yield Anomaly("set_aside", f"the dead letter of {place[1:]} has other bytes")


def everything_was_settled(lines: Sequence[Line], evidence: Evidence) -> Iterator[Anomaly]:
    """After the last heal every message came to its end and was read."""
    if evidence.unsettled:
        some = ", ".join(map(str, evidence.unsettled[:_SOME]))
        yield Anomaly("unsettled", f"{len(evidence.unsettled)} messages have no end: {some}")


CHECKS: tuple[Check, ...] = (
    nothing_accepted_is_lost,
    nothing_else_is_there,
    one_order,
    order_in_time,
    devices_saw_the_facts,
    history_has_the_facts,
    read_models_equal_the_log,
    receipts_are_monotone,
    poison_is_set_aside,
    everything_was_settled,
)


def _compared(
    who: str, view: Sequence[tuple[int, str, str]], facts: Sequence[tuple[int, str, str]]
) -> Iterator[Anomaly]:
    if list(view) == list(facts):
        return
    seen, there = [one[0] for one in view], [one[0] for one in facts]
    missing = sorted(set(there) - set(seen))
    twice = [seq for seq, count in Counter(seen).items() if count > 1]
    if missing:
        yield Anomaly("skip", f"{who} misses {len(missing)}: {missing[:_SOME]}")
    if twice:
        yield Anomaly("shown_twice", f"{who} has twice: {twice[:_SOME]}")
    if seen != sorted(seen):
        yield Anomaly("shown_reordered", f"{who}: {_first_odd(seen)}")
    if not missing and not twice and sorted(view) != sorted(facts):
        yield Anomaly("shown_other", f"{who} has other contents than the log")


def _may_move(move: Move, newest: dict[str, int]) -> bool:
    members = move.conversation.split(":")[1:]
    return move.user in members and move.seq <= newest.get(move.conversation, 0)


def _by_conversation(facts: Sequence[Fact]) -> dict[str, list[Fact]]:
    found: dict[str, list[Fact]] = {}
    for fact in facts:
        found.setdefault(fact.conversation, []).append(fact)
    return found


def _pairs(facts: Sequence[Fact]) -> list[tuple[int, str, str]]:
    return [(fact.seq, fact.sender, fact.body) for fact in facts]


def _said(began: Began) -> str:
    return f"message {began.number} of {began.device}"


def _first_odd(seqs: Sequence[int]) -> str:
    for before, after in pairwise(seqs):
        if after != before + 1:
            return f"{after} comes after {before}"
    return f"begins at {seqs[0]}" if seqs else "is empty"
