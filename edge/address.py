"""Whose address a request came from, when proxies stand in front.

In: the address at the other end of the connection, every X-Forwarded-For value as it came, and the
networks of our own proxies. Out: the address to count, limit and log by.

Each proxy writes down, at the right, who spoke to it. So the list is read from the right, and only
as long as the one who wrote the entry is one of ours; whatever is left of the first stranger was
written by that stranger and is not looked at. With no proxies named, the header is never read.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Network = IPv4Network | IPv6Network


def client_address(peer: str, forwarded_for: Sequence[str], trusted: tuple[Network, ...]) -> str:
    """The nearest address that is none of our proxies; the farthest if all of them are ours.

    An entry that is no address ends the search: its writer is taken for the client. So is a peer
    without an address (a local socket).
    """
    known = _read(peer)
    if known is None:
        return peer
    hops = [hop for value in forwarded_for for hop in value.split(",")]
    while hops and _is_ours(known, trusted):
        before = _read(hops.pop())
        if before is None:
            break
        known = before
    return str(known)


def is_ours(peer: str, trusted: tuple[Network, ...]) -> bool:
    """Whether the other end of a connection is one of our proxies."""
    address = _read(peer)
    return address is not None and _is_ours(address, trusted)


def _read(text: str) -> IPv4Address | IPv6Address | None:
    """An address in its one spelling: an IPv4 address that came as IPv6 is IPv4."""
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_ours(address: IPv4Address | IPv6Address, trusted: tuple[Network, ...]) -> bool:
    return any(address in network for network in trusted)
