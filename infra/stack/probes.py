"""Questions that tell whether a part answers.

Each asks the part itself, in its own protocol, and says yes or no within its time-out; no
probe raises because the part is down, and none leaves anything open.
"""

from __future__ import annotations

import http.client
import socket
import struct
from urllib.parse import urlsplit

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

TIMEOUT_SECONDS = 2.0


def kafka_answers(port: int) -> bool:
    """Whether the broker gives metadata in which it is itself.

    One that the cluster has not admitted yet, or has fenced, names the others only.
    """
    if not accepts("127.0.0.1", port):
        return False
    admin = AdminClient({"bootstrap.servers": f"127.0.0.1:{port}", "log_level": 0})
    try:
        brokers = admin.list_topics(timeout=TIMEOUT_SECONDS).brokers.values()
    except KafkaException:
        return False
    return port in {broker.port for broker in brokers}


def http_answers(url: str) -> bool:
    """Whether a GET is answered with 200."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(
        parts.hostname or "", parts.port or 80, timeout=TIMEOUT_SECONDS
    )
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def redis_answers(port: int) -> bool:
    """Whether PING is answered with PONG."""
    try:
        with socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False


def cassandra_answers(port: int) -> bool:
    """Whether a CQL query gives rows.

    Spoken by hand (native protocol 4: STARTUP, then QUERY): the driver would open a control
    connection, threads and a log for what are two frames.
    """
    query = b"SELECT release_version FROM system.local"
    startup = struct.pack(">H", 1) + _short_string(b"CQL_VERSION") + _short_string(b"3.0.0")
    consistency_one_no_flags = struct.pack(">HB", 1, 0)
    try:
        with socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS) as connection:
            ready = _ask_cassandra(connection, 0x01, startup)
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
