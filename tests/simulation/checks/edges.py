"""What gateways hold, and how they close."""

from collections.abc import Iterator

from events.frames import CloseCode
from tests.simulation.checks.registry import check
from tests.simulation.checks.seen import Seen

_CLOSES = (0, CloseCode.TOO_SLOW, CloseCode.TOKEN_EXPIRED, CloseCode.NOT_AUTHENTICATED)
"""How a gateway may close the socket of a device that does no harm."""


@check("bounds", "I11")
def bounds(seen: Seen) -> Iterator[str]:
    """No queue was longer than it may be (the world notes how long they were)."""
    for name, (longest, bound) in seen.world.longest.items():
        if longest > bound:
            yield f"{longest} in {name}, at most {bound} are allowed"


@check("backlog", "I11")
def backlog(seen: Seen) -> Iterator[str]:
    """Nothing counts as on its way when nothing is."""
    for gateway in seen.world.gateways:
        on_its_way = sum(one.unconfirmed for one in gateway.voice._backlog._partitions)
        if gateway.process.alive and on_its_way:
            yield f"{gateway.id} waits for {on_its_way} submissions"


@check("closes", "I11")
def closes(seen: Seen) -> Iterator[str]:
    """A gateway closes with a code that tells the device what to do."""
    for device in seen.world.devices:
        for code in device.closes:
            if code not in _CLOSES:
                yield f"{device.user_id}/{device.device_id} was closed with {code}"
