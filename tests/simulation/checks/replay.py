"""The log, folded anew, gives the rows that are there."""

from collections.abc import Iterator

from events.members import members_of
from events.topics import RECEIPTS
from projections.cells import Cell, Key, fold
from projections.history import projection as history
from projections.inbox import projection as inbox
from projections.positions import write_time
from projections.receipts import projection as receipts
from replay.compare import compare
from tests.simulation.checks.registry import check
from tests.simulation.checks.seen import Seen, decoded
from tests.simulation.world import World

_NEWEST = 1 << 60


@check("replay", "I9")
def replay_equals_live(seen: Seen) -> Iterator[str]:
    """The log folded anew gives the rows that are there."""
    expected: dict[Key, Cell] = {}
    generation = seen.world.parts.log_generation
    for record, fact in seen.facts:
        position = write_time(generation, record.at)
        for write in history.project(fact, position):
            fold(expected, history.cells(write))
        for joined in inbox.project(fact, position, members_of):
            fold(expected, inbox.cells(joined))
    for record in seen.world.parts.log.of(RECEIPTS.name):
        move = decoded(record)
        if move is not None:
            for moved in receipts.project(move, write_time(generation, record.at)):
                fold(expected, receipts.cells(moved))
    found = compare(expected, _live(seen.world), _NEWEST)
    if not found.equal:
        yield f"{list(found.lines())[:6]}"


def _live(world: World) -> Iterator[Cell]:
    held = world.parts.cassandra
    for key in held.timeline:
        values = held.timeline_row(key)
        yield Cell(("timeline", *key), values[3:11], values[11])
    for key, row in held.senders.items():
        for sender, (seq, time) in row.items():
            yield Cell(("newest_by_sender", *key, sender), seq, time)
    for key, row in held.buckets.items():
        yield Cell(("newest_buckets", *key), *row["bucket"])
    for key, row in held.joined.items():
        yield Cell(("conversations_by_user", *key), *row["joined_at"])
    for key, row in held.moves.items():
        yield Cell(
            ("marker_moves", *key), (row["moved_at"][0], row["device_id"][0]), row["moved_at"][1]
        )
