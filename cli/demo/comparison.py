"""The last scene: the log, Cassandra, both devices and a new one are compared with each other."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from cli.demo import promises
from cli.demo.people import Person
from cli.demo.promises import Ledger
from cli.demo.stage import GATEWAYS, Stage
from cli.demo.transcript import Transcript
from client.errors import ClientError
from infra.errors import UserError

CATCH_UP_SECONDS = 15.0


@dataclass(slots=True)
class Play:
    """Everyone and everything on stage."""

    stage: Stage
    transcript: Transcript
    ledger: Ledger = field(default_factory=Ledger)
    ann: Person = field(default_factory=lambda: Person("ann"))
    bob: Person = field(default_factory=lambda: Person("bob"))

    @property
    def written(self) -> int:
        """How many messages there are so far."""
        return len(self.ann.sent) + len(self.bob.sent)


async def compare(here: Play) -> None:
    """The log, Cassandra, both devices and a new one: all the same."""
    facts = await here.stage.facts()
    for person in (here.ann, here.bob):
        try:
            await person.until_seen(len(facts), CATCH_UP_SECONDS)
        except TimeoutError:
            here.transcript.tell(f"{person.name} still misses messages", "red")
    rows = await _rows(here, len(facts))
    here.transcript.tell(
        f"facts in the log: {len(facts)}, rows in Cassandra: {len(rows)}, "
        f"shown to ann: {len(here.ann.seen)}, shown to bob: {len(here.bob.seen)}"
    )
    check = here.ledger.check
    check(
        "Every accepted message is in the log once, where its sender was told",
        f"{len(facts)} facts with seq 1 to {len(facts)}",
        promises.wrong_facts(facts, here.ann.accepted | here.bob.accepted),
    )
    check(
        "Each sender's messages keep the order in which they were written",
        f"{len(here.ann.sent)} of ann, {len(here.bob.sent)} of bob",
        promises.wrong_order({p.name: p.sent for p in (here.ann, here.bob)}, facts),
    )
    check(
        "Both were shown every message once, in the same order",
        "compared with the log",
        [
            *promises.difference("ann", here.ann.seen, facts),
            *promises.difference("bob", here.bob.seen, facts),
        ],
    )
    check(
        "History in Cassandra is what both were shown",
        f"{len(rows)} rows",
        promises.difference("the timeline", rows, facts),
    )
    await _new_device(here, facts)
    await _folded_anew(here)
    moves = await here.stage.marker_moves()
    check(
        "Receipts never fall",
        f"{len(moves)} moves of delivered and read",
        fallen(moves),
    )


async def _rows(here: Play, wanted: int) -> list[promises.Seen]:
    """The timeline, once history has caught up, or as it is after a while."""
    deadline = time.monotonic() + CATCH_UP_SECONDS
    while True:
        rows = await here.stage.rows()
        if len(rows) >= wanted or time.monotonic() > deadline:
            return rows
        await asyncio.sleep(0.2)


async def _folded_anew(here: Play) -> None:
    """The read models, cell by cell, against the log folded from its start."""
    broken: list[str] = []
    cells = 0
    for model in ("history", "receipts"):
        try:
            found = await here.stage.verify(model)
        except UserError as error:
            broken.append(error.sentence)
            continue
        cells += found.compared
        if not found.equal:
            broken += list(found.lines())
    here.transcript.tell(f"the log folded anew is compared with {cells} cells in Cassandra")
    here.ledger.check(
        "The read models equal the log, folded anew from its start", f"{cells} cells", broken
    )


async def _new_device(here: Play, facts: list[promises.Seen]) -> None:
    laptop = Person("ann")
    laptop.reads = False
    broken = []
    began = time.monotonic()
    try:
        await here.stage.enter(laptop, GATEWAYS[1], "laptop")
        await laptop.until_seen(len(facts), CATCH_UP_SECONDS)
    except (TimeoutError, ClientError) as error:
        broken = [str(error) or "it did not catch up"]
    finally:
        await laptop.leave()
    seconds = time.monotonic() - began
    here.transcript.tell(f"a new laptop of ann's has the whole conversation after {seconds:.2f} s")
    here.ledger.check(
        "A new device reads the same history through a gateway",
        f"{len(laptop.seen)} messages",
        broken or promises.difference("the laptop", laptop.seen, facts),
    )


def fallen(moves: list[tuple[str, str, int]]) -> list[str]:
    """Which watermarks did not rise, of moves given as user, kind and seq."""
    highest: dict[tuple[str, str], int] = {}
    wrong = []
    for user, kind, seq in moves:
        if seq <= highest.get((user, kind), 0):
            wrong.append(f"{kind} of {user} went from {highest[user, kind]} to {seq}")
        highest[user, kind] = max(seq, highest.get((user, kind), 0))
    return wrong
