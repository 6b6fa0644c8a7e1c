"""Handshake admission: who may open a socket now, who has to wait, and who is sent away until when.

In: the address that asks and the time. Out: seconds to wait before the handshake goes on, or a
refusal that says when to come again. A handshake costs as much CPU as a dozen messages and more
behind the gateway, so those who are connected come first: handshakes are let through at an even
rate, a short queue takes up a burst, and whoever finds no place in it is given a turn later on.
Each is given a turn of its own, so those who keep to it do not all come back at once.

One address has a share only: so many handshakes a minute, so many sockets. Where one address is
many (an IPv6 network) it is the network that counts. Pure: time is an argument.
"""

from ipaddress import IPv6Address, ip_address
from math import ceil

from msgspec import Struct

from edge.hardening import Refusal, later
from edge.limits import Rates

TURN_SECONDS_MAX = 30.0
"""Beyond this nobody is sent away; then turns are given twice."""

CONNECTIONS_A_HANDSHAKE = 2
"""Connections of an address for each handshake that it may make: some ask for nothing."""

_CROWDED_SECONDS = 60.0
_IPV6_NETWORK_BITS = 64


class Rules(Struct, frozen=True, kw_only=True):
    """What the settings say of handshakes."""

    sockets_max: int
    per_second: float
    queue_seconds: float
    address_sockets_max: int
    address_per_minute: int
    address_burst: int


class Handshakes:
    """The handshakes and sockets of one gateway, by address."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._interval = 1.0 / rules.per_second
        self._rates = Rates(rules.address_per_minute, rules.address_burst)
        self._knocks = Rates(
            CONNECTIONS_A_HANDSHAKE * rules.address_per_minute,
            CONNECTIONS_A_HANDSHAKE * rules.address_burst,
        )
        self._sockets: dict[str, int] = {}
        self._next = float("-inf")
        self._next_turn = float("-inf")

    def knock(self, address: str, now: float) -> float:
        """0 when another connection may come from there, otherwise the seconds until it may."""
        return self._knocks.take(address, now)

    def astray(self, address: str, now: float) -> Refusal:
        """The answer to a request for anything else; it counts like a handshake."""
        if wait_seconds := self._rates.take(address, now):
            return later(429, "Too many requests from there.", wait_seconds)
        return Refusal(404, "There is nothing here.")

    def ask(self, address: str, sockets: int, now: float) -> float | Refusal:
        """Seconds until the handshake may go on; `sockets` is how many the gateway holds."""
        if wait_seconds := self._rates.take(address, now):
            return later(429, "Too many handshakes from there.", wait_seconds)
        if self._sockets.get(address, 0) >= self._rules.address_sockets_max:
            return later(429, "Too many sockets from there.", _CROWDED_SECONDS)
        if sockets >= self._rules.sockets_max:
            return later(503, "No room for another socket.", self._turn(now))
        if (turn := self.turn_if_full(now)) is not None:
            return later(503, "Too many handshakes at once.", turn)
        place = max(self._next, now)
        self._next = place + self._interval
        return place - now

    def turn_if_full(self, now: float) -> int | None:
        """While the queue is full, the whole seconds until a turn; it is given away."""
        if self._next - now <= self._rules.queue_seconds:
            return None
        return ceil(self._turn(now))

    def opened(self, address: str) -> None:
        """A socket of this address was opened."""
        self._sockets[address] = self._sockets.get(address, 0) + 1

    def ended(self, address: str) -> None:
        """It ended."""
        left = self._sockets.get(address, 0) - 1
        if left > 0:
            self._sockets[address] = left
        else:
            self._sockets.pop(address, None)

    def _turn(self, now: float) -> float:
        self._next_turn = max(self._next_turn, self._next, now + 1.0) + self._interval
        if self._next_turn > now + TURN_SECONDS_MAX:
            self._next_turn = now + 1.0
        return self._next_turn - now


def share_of(address: str) -> str:
    """What counts as one address: an IPv4 address, or the network of an IPv6 address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    network = int(parsed) >> (128 - _IPV6_NETWORK_BITS) << (128 - _IPV6_NETWORK_BITS)
    return str(IPv6Address(network))
