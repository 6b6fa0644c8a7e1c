"""Questions that tell whether a part answers.

Each asks the part itself, in its own protocol, and says yes or no within its time-out; no
probe raises because the part is down, and none leaves anything open.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import struct
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

TIMEOUT_SECONDS = 2.0


def kafka_answers(port: int, connection: Mapping[str, Any] | None = None) -> bool:
    """Whether the broker gives metadata in which it is itself.

    One that the cluster has not admitted yet, or has fenced, names the others only. `connection`
    holds what a client of this port must show.
    """
    if not accepts("127.0.0.1", port):
        return False
    admin = AdminClient(
        {**(connection or {}), "bootstrap.servers": f"127.0.0.1:{port}", "log_level": 0}
    )
    try:
        brokers = admin.list_topics(timeout=TIMEOUT_SECONDS).brokers.values()
    except KafkaException:
        return False
    return port in {broker.port for broker in brokers}


def http_answers(url: str, tls: ssl.SSLContext | None = None) -> bool:
    """Whether a GET is answered with 200."""
    answer = _get(url, tls)
    return answer is not None and answer[0] == 200


def http_said(url: str) -> bytes:
    """The body of the answer to a GET, whatever its status; empty when nothing answers."""
    answer = _get(url, None)
    return b"" if answer is None else answer[1]


def _get(url: str, tls: ssl.SSLContext | None) -> tuple[int, bytes] | None:
    """Status and body of the answer to a GET; nothing when there is none."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    connection = (
        http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
        if tls is None
        else http.client.HTTPSConnection(host, port, timeout=TIMEOUT_SECONDS, context=tls)
    )
    try:
        connection.request("GET", parts.path)
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def redis_answers(port: int, tls: ssl.SSLContext | None = None) -> bool:
    """Whether PING is answered with PONG; under lock, with a question for the name."""
    try:
        with _connected(port, tls) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG" if tls is None else b"-NOAUTH")
    except OSError:
        return False


def cassandra_answers(port: int, tls: ssl.SSLContext | None = None) -> bool:
    """Whether a CQL query gives rows; under lock, whether it asks who is there.

    Spoken by hand (native protocol 4: STARTUP, then QUERY): the driver would open a control
    connection, threads and a log for what are two frames.
    """
    query = b"SELECT release_version FROM system.local"
    startup = struct.pack(">H", 1) + _short_string(b"CQL_VERSION") + _short_string(b"3.0.0")
    consistency_one_no_flags = struct.pack(">HB", 1, 0)
    try:
        with _connected(port, tls) as connection:
            ready = _ask_cassandra(connection, 0x01, startup)
            if tls is not None:
                return ready == 0x03
            rows = _ask_cassandra(
                connection, 0x07, struct.pack(">I", len(query)) + query + consistency_one_no_flags
            )
    except OSError:
        return False
    return (ready, rows) == (0x02, 0x08)


def accepts(host: str, port: int) -> bool:
    """Whether anything listens there."""
    try:
        socket.create_connection((host, port), TIMEOUT_SECONDS).close()
    except OSError:
        return False
    return True


def _connected(port: int, tls: ssl.SSLContext | None) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS)
    if tls is None:
        return connection
    try:
        return tls.wrap_socket(connection, server_hostname="127.0.0.1")
    except BaseException:
        connection.close()
        raise


def _short_string(value: bytes) -> bytes:
    return struct.pack(">H", len(value)) + value


def _ask_cassandra(connection: socket.socket, opcode: int, body: bytes) -> int:
    """Send one frame; the opcode of the answer (its body is read and dropped)."""
    connection.sendall(struct.pack(">BBhBI", 0x04, 0, 0, opcode, len(body)) + body)
    header = _read_exactly(connection, 9)
    _read_exactly(connection, int(struct.unpack(">I", header[5:])[0]))
    return header[4]


def _read_exactly(connection: socket.socket, count: int) -> bytes:
    received = bytearray()
    while len(received) < count:
        chunk = connection.recv(count - len(received))
        if not chunk:
            raise ConnectionError("closed in the middle of a frame")
        received += chunk
    return bytes(received)
