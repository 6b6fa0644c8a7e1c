"""The whole comparison: turns in their order, disturbed ones again, the report kept after each.

In: systems, rounds, effort. Out: a `Comparison`, also when it is ended by Ctrl-C after some turns.
"""

import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.circumstances import machine, now
from bench.driver import raise_open_files_limit
from bench.peers.results import Comparison, Described, Turn
from bench.peers.rounds import ATTEMPTS_MAX, is_taken_again, order
from bench.peers.system import System
from bench.peers.turn import FULL, Effort, take
from bench.scenarios.traffic import BODY_BYTES
from bench.world import OPEN_FILES
from infra.checkout import CHECKOUT
from infra.stack.part import OnProgress

FOLDER = CHECKOUT / ".chatlog" / "peers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What is compared, and how hard."""

    systems: Sequence[System]
    rounds: int = 3
    effort: Effort = FULL
    attempts_max: int = ATTEMPTS_MAX
    command: str = ""
    folder: Path = FOLDER


class Comparing:
    """A comparison under way."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._turns: list[Turn] = []
        self._discarded: list[Turn] = []
        self._systems = [_described(system) for system in options.systems]
        self._measured_at = now()

    def run(self, on_turn: Callable[[Turn, bool], None], report: OnProgress) -> None:
        """Take every turn; `on_turn` is told each, and whether it is to be taken again."""
        raise_open_files_limit(OPEN_FILES)
        options = self._options
        systems = {system.name: system for system in options.systems}
        for number, name in order(list(systems), options.rounds):
            attempt, again = 0, True
            while again:
                attempt += 1
                folder = options.folder / name
                turn = take(systems[name], number, attempt, options.effort, folder, report)
                again = is_taken_again(turn, options.attempts_max)
                (self._discarded if again else self._turns).append(turn)
                on_turn(turn, again)

    def so_far(self) -> Comparison:
        """What was measured until now."""
        options = self._options
        return Comparison(
            measured_at=self._measured_at,
            machine=f"{machine()}, Linux {platform.release()}",
            command=options.command,
            rounds=options.rounds,
            body_bytes=BODY_BYTES,
            steady_seconds=options.effort.steady_seconds,
            flow_seconds=options.effort.flow_seconds,
            systems=self._systems,
            turns=list(self._turns),
            discarded=list(self._discarded),
        )


def _described(system: System) -> Described:
    words, workload = system.words, system.workload
    return Described(
        name=system.name,
        title=system.title,
        versions=system.versions(),
        acked=words.acked,
        kept=words.kept,
        receipts=words.receipts,
        configured=words.configured,
        differs=words.differs,
        rate=workload.rate,
        pairs=workload.pairs,
    )
