"""Everything that was read was handled, or set aside with its bytes."""

from collections.abc import Iterator

from tests.simulation.checks.registry import check
from tests.simulation.checks.seen import Seen, origin


@check("conservation", "I10")
def conservation(seen: Seen) -> Iterator[str]:
    """Everything was read to its end, and what is no event is set aside with its bytes."""
    for group in seen.world.parts.groups.values():
        for place in seen.world.unread(group):
            yield f"{group.name} ends at {group.offset(place)} in {place}"
    for topic, partition, offset in seen.world.poison:
        if (topic, partition) in seen.began_anew:
            continue  # reading may have begun behind it
        groups = seen.world.parts.groups.values()
        readers = [one.name for one in groups if topic in one.topics]
        for group_name in readers:
            letters = [
                record
                for record in seen.world.parts.log.of(f"{group_name}.dead")
                if origin(record) == (topic, partition, offset)
            ]
            original = seen.world.parts.log.partitions[topic, partition][offset].value()
            if not letters or letters[0].value() != original:
                yield f"{topic} {partition} {offset} is not among {group_name}.dead"


@check("letters", "I10")
def letters(seen: Seen) -> Iterator[str]:
    """Only what nobody could take is set aside, and with its bytes."""
    bad = set(seen.world.poison) | {(*place, offset) for place, offset in seen.world.hostile}
    log = seen.world.parts.log
    for group in seen.world.parts.groups.values():
        for letter in log.of(f"{group.name}.dead"):
            topic, partition, offset = origin(letter)
            if (topic, partition) in seen.began_anew:
                continue  # another record may lie there now
            if (topic, partition, offset) not in bad:
                yield f"{group.name} set {topic} {partition} {offset} aside"
            elif letter.value() != log.partitions[topic, partition][offset].value():
                yield f"{group.name} set {topic} {partition} {offset} aside with other bytes"
