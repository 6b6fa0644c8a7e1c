"""Every port of a stack under lock: TLS 1.2 or newer, vouched for by the instance's own CA."""

import http.client
import socket
import ssl
from pathlib import Path

import aiohttp
import pytest

from infra.access import BROKER
from infra.stack.stack import Stack
from infra.stack.vault import Vault
from infra.tls import client_context
from tests.live import tls_of

PORTS = (
    "kafka",
    "kafka.internal",
    "kafka.controller",
    "cassandra",
    "cassandra.storage",
    "redis",
    "registry",
    "gateway-1",
    "gateway-2",
)


def shake_hands(port: int, tls: ssl.SSLContext, name: str = "127.0.0.1") -> str:
    """The version of TLS that was agreed on. Raises SSLError and ConnectionError."""
    with (
        socket.create_connection(("127.0.0.1", port), 60) as connection,
        tls.wrap_socket(connection, server_hostname=name) as spoken,
    ):
        return spoken.version() or ""


def up_to(version: ssl.TLSVersion, vault: Vault) -> ssl.SSLContext:
    """A broker that speaks old versions too, and none newer than this."""
    context = ssl.create_default_context(cafile=str(vault.ca_file))
    context.load_cert_chain(vault.certificate(BROKER))
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = version
    return context


@pytest.mark.parametrize("name", PORTS)
def test_who_answers_shows_a_certificate_of_this_instance(
    system: Stack, name: str, tmp_path: Path
) -> None:
    port = system.ports.port(name)
    ours = client_context(Vault(system.folder).ca_file)
    other = Vault(tmp_path)
    other.certificate("anything")

    assert shake_hands(port, ours) in ("TLSv1.2", "TLSv1.3")
    for tls, host in (
        (client_context(other.ca_file), "127.0.0.1"),
        (client_context(None), "127.0.0.1"),
        (ours, "chat.example.com"),
    ):
        with pytest.raises(ssl.SSLCertVerificationError):
            shake_hands(port, tls, host)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")
@pytest.mark.parametrize("name", PORTS)
def test_old_versions_are_refused(system: Stack, name: str) -> None:
    port, vault = system.ports.port(name), Vault(system.folder)
    assert shake_hands(port, up_to(ssl.TLSVersion.TLSv1_2, vault)) == "TLSv1.2"
    with pytest.raises((ssl.SSLError, ConnectionError)):
        shake_hands(port, up_to(ssl.TLSVersion.TLSv1_1, vault))


@pytest.mark.parametrize(
    ("part", "is_let_in"),
    [("cassandra", True), ("edge-gateway-1", False), ("redis", False), ("registry", False)],
)
def test_no_certificate_but_a_nodes_is_let_in_among_nodes(
    system: Stack, part: str, is_let_in: bool
) -> None:
    vault = Vault(system.folder)
    tls = client_context(vault.ca_file)
    tls.load_cert_chain(vault.certificate(part))
    port = system.ports.port("cassandra.storage")
    try:
        with (
            socket.create_connection(("127.0.0.1", port), 10) as connection,
            tls.wrap_socket(connection, server_hostname="127.0.0.1") as spoken,
        ):
            spoken.settimeout(10.0)
            waits = spoken.recv(1) != b""
    except TimeoutError:
        waits = True  # for what a node has to say
    except (ssl.SSLError, ConnectionError):
        waits = False
    assert waits == is_let_in


@pytest.mark.parametrize("name", ["registry", "gateway-1"])
def test_plain_http_is_not_answered(system: Stack, name: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", system.ports.port(name), timeout=60)
    connection.request("GET", "/")
    with pytest.raises((http.client.HTTPException, OSError)):
        connection.getresponse()
    connection.close()


async def test_a_client_that_trusts_another_ca_does_not_speak_to_a_gateway(
    system: Stack, tmp_path: Path
) -> None:
    other = Vault(tmp_path)
    other.certificate("anything")
    url = system.environment()["CHAT_GATEWAY_URLS"].split(",")[0]
    assert url.startswith("wss://")
    async with aiohttp.ClientSession() as http:
        # No token and no protocol: an answer, and no socket.
        async with http.get(url.replace("wss", "https"), ssl=tls_of(system)) as answer:
            assert answer.status == 426
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await http.ws_connect(url, ssl=client_context(other.ca_file))


def test_who_connects_to_a_gateway_and_shakes_no_hands_is_let_go(system: Stack) -> None:
    with socket.create_connection(("127.0.0.1", system.ports.port("gateway-1")), 60) as silent:
        assert silent.recv(1) == b""
