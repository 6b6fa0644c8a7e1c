"""Whose address counts: only what our own proxies wrote is believed."""

from dataclasses import dataclass
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.address import client_address
from infra.errors import UserError
from infra.settings import EdgeSettings, load

OURS = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
PROXY, CLIENT, FORGED = "10.0.0.7", "203.0.113.9", "198.51.100.1"


@dataclass(frozen=True, slots=True)
class Program:
    edge: EdgeSettings


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "expected"),
    [
        pytest.param(CLIENT, [], CLIENT, id="nobody in between"),
        pytest.param(CLIENT, [FORGED], CLIENT, id="a stranger's header is not read"),
        pytest.param(PROXY, [CLIENT], CLIENT, id="our proxy says who spoke to it"),
        pytest.param(PROXY, [f"{FORGED}, {CLIENT}"], CLIENT, id="what the client forged is left"),
        pytest.param(PROXY, [FORGED, CLIENT], CLIENT, id="forged in a line of its own"),
        pytest.param(PROXY, [f"{FORGED},{CLIENT},10.0.0.8"], CLIENT, id="two of our proxies"),
        pytest.param(PROXY, [f"{CLIENT}, 10.1.1.1, 10.0.0.8"], CLIENT, id="three of our proxies"),
        pytest.param(PROXY, [f"10.9.9.9, {CLIENT}"], CLIENT, id="forged to look like ours"),
        pytest.param(PROXY, ["10.9.9.9"], "10.9.9.9", id="a client in our own network"),
        pytest.param(PROXY, [], PROXY, id="our proxy said nothing"),
        pytest.param(PROXY, [""], PROXY, id="our proxy said nothing at length"),
        pytest.param(PROXY, [f"{CLIENT}, unknown"], PROXY, id="no address ends the search"),
        pytest.param(PROXY, [f"{CLIENT}:4711"], PROXY, id="a port is no part of an address"),
        pytest.param("::ffff:10.0.0.7", [CLIENT], CLIENT, id="our proxy, IPv4 in IPv6"),
        pytest.param(PROXY, [f"::ffff:{CLIENT}"], CLIENT, id="the client, IPv4 in IPv6"),
        pytest.param("fd00::1", ["2001:DB8:0::9"], "2001:db8::9", id="one spelling of IPv6"),
        pytest.param("", [CLIENT], "", id="a local socket has no address"),
    ],
)
def test_the_nearest_address_that_is_not_ours_counts(
    peer: str, forwarded_for: list[str], expected: str
) -> None:
    assert client_address(peer, forwarded_for, OURS) == expected


def test_without_proxies_the_header_is_never_read() -> None:
    assert client_address(PROXY, [CLIENT], ()) == PROXY


@given(st.lists(st.text(max_size=60), max_size=6))
def test_nothing_a_client_writes_changes_what_our_proxy_says_of_it(forged: list[str]) -> None:
    assert client_address(PROXY, [*forged, CLIENT], OURS) == CLIENT
    assert client_address(PROXY, [",".join([*forged, CLIENT])], OURS) == CLIENT
    assert client_address(CLIENT, forged, OURS) == CLIENT


@given(st.lists(st.ip_addresses().map(str) | st.text(max_size=20), max_size=6))
def test_the_outcome_is_always_an_address(forwarded_for: list[str]) -> None:
    ip_address(client_address(PROXY, forwarded_for, OURS))


def test_proxies_are_addresses_and_networks() -> None:
    named = load(Program, {"CHAT_EDGE_TRUSTED_PROXIES": "10.0.0.7, fd00::/8"}).edge.trusted_proxies
    assert named == (ip_network("10.0.0.7/32"), ip_network("fd00::/8"))


@pytest.mark.parametrize("wrong", ["balancer.internal", "10.0.0.7/8", "10.0.0"])
def test_a_proxy_that_is_no_network_is_said(wrong: str) -> None:
    with pytest.raises(UserError, match="CHAT_EDGE_TRUSTED_PROXIES"):
        load(Program, {"CHAT_EDGE_TRUSTED_PROXIES": wrong})
