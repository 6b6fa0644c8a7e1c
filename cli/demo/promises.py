"""What the demo proves: each promise, held or broken, and how that is known. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class Seen(NamedTuple):
    """A message as somebody has it: a fact, a row, or what a device was shown."""

    seq: int
    id: str
    sender_id: str
    body: str


class Ticks(NamedTuple):
    """Milliseconds from writing a message to each of its ticks."""

    accepted: float
    delivered: float
    read: float


@dataclass(frozen=True, slots=True)
class Promise:
    """A promise and what came of it; `broken` is empty when it held."""

    sentence: str
    evidence: str
    broken: tuple[str, ...] = ()


@dataclass(slots=True)
class Ledger:
    """Everything that was promised so far, and the ticks that were measured."""

    promises: list[Promise] = field(default_factory=list)
    ticks: dict[str, list[Ticks]] = field(default_factory=dict)

    def check(self, sentence: str, evidence: str, broken: Iterable[str] = ()) -> Promise:
        """Enter a promise."""
        promise = Promise(sentence, evidence, tuple(broken))
        self.promises.append(promise)
        return promise

    @property
    def held(self) -> bool:
        """Whether all of it held."""
        return not any(promise.broken for promise in self.promises)


def difference(who: str, view: Sequence[Seen], facts: Sequence[Seen]) -> list[str]:
    """What is wrong with a view, in sentences; nothing when it shows the facts in their order."""
    if list(view) == list(facts):
        return []
    wrong = []
    shown = Counter(one.seq for one in view)
    if missing := [fact.seq for fact in facts if fact.seq not in shown]:
        wrong.append(f"{who} has lost {len(missing)} messages, the first is {missing[0]}")
    if twice := [seq for seq, count in shown.items() if count > 1]:
        wrong.append(f"{who} was shown {len(twice)} messages twice, the first is {twice[0]}")
    seqs = [one.seq for one in view]
    if seqs != sorted(seqs):
        wrong.append(f"{who} was shown messages in another order")
    return wrong or [f"{who} was shown something else than was sent"]


def wrong_facts(facts: Sequence[Seen], accepted: Mapping[str, int]) -> list[str]:
    """What is wrong with the log: seqs with gaps, accepted messages that are not there or twice."""
    wrong = []
    if [fact.seq for fact in facts] != list(range(1, len(facts) + 1)):
        wrong.append("the facts have gaps or repeats")
    places = {fact.id: fact.seq for fact in facts}
    if len(places) != len(facts):
        wrong.append("a message is in the log twice")
    if lost := [message_id for message_id in accepted if message_id not in places]:
        wrong.append(f"{len(lost)} accepted messages are not in the log")
    if moved := [one for one, seq in accepted.items() if places.get(one, seq) != seq]:
        wrong.append(f"{len(moved)} messages have another place than their sender was told")
    if unknown := places.keys() - accepted.keys():
        wrong.append(f"{len(unknown)} messages in the log were never accepted")
    return wrong


def wrong_order(sent: Mapping[str, Sequence[str]], facts: Sequence[Seen]) -> list[str]:
    """Whose messages are in the log in another order than they were written."""
    return [
        f"the messages of {sender} were reordered"
        for sender, ids in sent.items()
        if [fact.id for fact in facts if fact.sender_id == sender] != list(ids)
    ]


def wrong_ticks(ticks: Iterable[Ticks]) -> list[str]:
    """Whether a later tick came before an earlier one."""
    return [
        f"ticks out of order: {one}"
        for one in ticks
        if not one.accepted <= one.delivered <= one.read
    ]


def percentile(values: Iterable[float], share: float) -> float:
    """The value that this share of the values does not exceed; 0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0
