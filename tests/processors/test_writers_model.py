"""Two writers of one partition, crashes and retries anywhere: every reader sees one history.

A model of the log in memory with the real decider, state and fence. Old owners go on deciding,
with other rules, after a new one has claimed (D1, D2). Between reading the log and claiming
anything may happen, so that two claim the same number, and a claim may land late. The outcome may
not depend on the offsets of records either: each log is also read with others before it.
"""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from events.conversations import WriterClaimed
from events.fence import Fence
from events.messages import MessageSent, MessageSubmitted
from processors.admission.decider import decide
from processors.admission.place import Place
from processors.admission.state import PartitionState, evolve, initial
from tests.examples import NOON, submitted


@dataclass
class Log:
    submissions: list[MessageSubmitted] = field(default_factory=list)
    facts: list[Struct] = field(default_factory=list)


@dataclass
class Writer:
    """An owner; one with `refuses_all` decides by other rules than the rest."""

    log: Log
    refuses_all: bool
    state: PartitionState = field(default_factory=initial)
    next_submission: int = 0

    claimed: bool = False

    def __post_init__(self) -> None:
        self._fence = Fence()
        self._folded = 0
        self._fold()
        self.state.epoch = self._fence.epoch

    def _fold(self) -> None:
        """Fold the log up to where it ends now."""
        for offset, fact in enumerate(self.log.facts[self._folded :], self._folded):
            if self._fence.admits(fact, offset):
                evolve(self.state, fact)
        self._folded = len(self.log.facts)

    def claim(self) -> None:
        """Append the claim that follows what was read; begin to decide if it counts, or try on."""
        number = self.state.epoch + 1
        self._fold()
        counts = self._fence.epoch < number
        self.log.facts.append(WriterClaimed(writer_id="someone", epoch=number))
        self._fold()
        self.state.epoch = self._fence.epoch
        self.next_submission = self.state.submission_offset + 1
        self.claimed = counts

    def step(self) -> None:
        if not self.claimed:
            self.claim()
            return
        offset = self.next_submission
        if offset >= len(self.log.submissions):
            return
        self.next_submission += 1
        if offset <= self.state.submission_offset:
            return
        submission = self.log.submissions[offset]
        if self.refuses_all:
            submission = MessageSubmitted(
                **{name: getattr(submission, name) for name in submission.__struct_fields__}
                | {"sender_id": "nobody"}
            )
        fact = decide(self.state, submission, Place(self.state.epoch, offset, NOON + offset))
        evolve(self.state, fact)
        self.log.facts.append(fact)


def seen(facts: list[Struct], cuts: set[int], shift: int = 0) -> list[Struct]:
    """What a reader sees that starts again at each cut, with the epoch it committed there."""
    fence, decisions = Fence(), []
    for offset, fact in enumerate(facts):
        if offset in cuts:
            fence = Fence(fence.epoch)
        if fence.admits(fact, offset + shift):
            decisions.append(fact)
    return decisions


actions = st.lists(
    st.tuples(
        st.sampled_from(["submit", "step", "step", "step", "new", "crash"]),
        st.integers(0, 3),
    ),
    max_size=80,
)


@settings(max_examples=1000)
@given(actions, st.sets(st.integers(0, 60)))
def test_every_submission_is_decided_once_in_order_whoever_writes(
    schedule: list[tuple[str, int]], cuts: set[int]
) -> None:
    log = Log()
    writers = [Writer(log, refuses_all=True)]
    for action, number in schedule:
        match action:
            case "submit":
                log.submissions.append(submitted(number))
            case "new":
                writers.append(Writer(log, refuses_all=number == 0))
            case "step" if writers:
                writers[-1 - number % len(writers)].step()
            case "crash" if writers:
                del writers[number % len(writers)]
                if not writers:
                    writers.append(Writer(log, refuses_all=False))
    last = Writer(log, refuses_all=False)
    while not last.claimed:
        last.step()
    while last.next_submission < len(log.submissions):
        last.step()
        for zombie in writers:
            if zombie.claimed:  # one that claims now would be the newest owner
                zombie.step()

    decisions = seen(log.facts, set())

    assert [one.submission_offset for one in decisions] == list(range(len(log.submissions)))
    assert seen(log.facts, cuts) == seen(log.facts, cuts, shift=7) == decisions
    seqs = [one.seq for one in decisions if isinstance(one, MessageSent)]
    assert seqs == list(range(1, len(seqs) + 1))
