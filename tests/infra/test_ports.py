"""Ports: found, remembered, and left when somebody else has them."""

import os
import socket
from pathlib import Path

from infra.stack.ports import PortBook, find_free_port, holder_of, is_free


def test_a_port_is_remembered(tmp_path):
    first = PortBook(tmp_path / "ports.json").port("kafka")

    assert PortBook(tmp_path / "ports.json").port("kafka") == first


def test_two_names_never_share_a_port(tmp_path):
    book = PortBook(tmp_path / "ports.json")

    assert len({book.port(f"part-{number}") for number in range(50)}) == 50


def test_ports_lie_below_those_the_kernel_hands_out():
    """Else an outgoing connection could sit on the port of a part that is down."""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])

    assert all(find_free_port(avoid=set()) < lowest for _ in range(100))


def test_a_taken_port_is_left_and_a_free_one_kept(tmp_path):
    book = PortBook(tmp_path / "ports.json")
    kafka, redis = book.port("kafka"), book.port("redis")
    with socket.create_server(("127.0.0.1", kafka)):
        book.renew_taken()

    assert book.port("kafka") != kafka
    assert book.port("redis") == redis


def test_a_damaged_book_is_begun_anew(tmp_path):
    (tmp_path / "ports.json").write_text("{")

    assert PortBook(tmp_path / "ports.json").port("kafka") > 0


def test_who_holds_a_port_is_told():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        assert not is_free(port)
        assert str(os.getpid()) in holder_of(port)
    assert is_free(port)
