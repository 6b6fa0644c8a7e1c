"""Pure checks over what was recorded: one for each promise, named as in docs/invariants.md.

In: what each device was shown, the facts, the rows. Out: sentences about what is wrong; none when
all holds. The anomalies have Jepsen's names: lost, doubled, reordered, skipped.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Seen:
    """A message as somebody saw it: a device, a fact or a row."""

    seq: int
    message_id: str
    sender_id: str
    body: str


def order_of_facts(facts: Sequence[Seen]) -> list[str]:
    """I4: seq rises by 1 from 1."""
    seqs = [fact.seq for fact in facts]
    return [] if seqs == list(range(1, len(seqs) + 1)) else [f"facts skip or repeat: {_odd(seqs)}"]


def nothing_lost_or_doubled(accepted: Iterable[str], facts: Sequence[Seen]) -> list[str]:
    """I1, I2: each accepted message is one fact, and there is no other fact."""
    counted = Counter(fact.message_id for fact in facts)
    wanted = set(accepted)
    wrong = [f"doubled: {one}" for one, count in counted.items() if count > 1]
    wrong += [f"lost: {one}" for one in sorted(wanted - counted.keys())]
    return wrong + [f"never sent: {one}" for one in sorted(counted.keys() - wanted)]


def same_view(who: str, view: Sequence[Seen], facts: Sequence[Seen]) -> list[str]:
    """I4, I6: a device or a table shows exactly the facts, in their order."""
    if list(view) == list(facts):
        return []
    shown, there = [one.seq for one in view], [fact.seq for fact in facts]
    wrong = []
    if missing := sorted(set(there) - set(shown)):
        wrong.append(f"{who} misses {len(missing)}: {missing[:5]}")
    if doubled := [seq for seq, count in Counter(shown).items() if count > 1]:
        wrong.append(f"{who} was shown twice: {doubled[:5]}")
    if shown != sorted(shown):
        wrong.append(f"{who} was shown another order: {_odd(shown)}")
    return wrong or [f"{who} was shown other contents"]


def ticks_hold(tick_by_message: Mapping[str, int], expected: int) -> list[str]:
    """I7: every message reached at least this tick."""
    late = [one for one, tick in tick_by_message.items() if tick < expected]
    return [f"{len(late)} messages are below tick {expected}: {late[:3]}"] if late else []


def _odd(seqs: Sequence[int]) -> list[tuple[int, int]]:
    return [(one, two) for one, two in pairwise(seqs) if two != one + 1][:5]
