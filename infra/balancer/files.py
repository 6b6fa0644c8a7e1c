"""The files that nginx reads: `infra/nginx.conf` as it is, and beside it what differs by place."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.balancer.standing import Gateway, Standing
from infra.files import write_whole
from infra.formats import nginx_word

CONFIGURATION = Path(__file__).parents[1] / "nginx.conf"
GATEWAYS_FILE_NAME = "gateways.conf"

_ALWAYS_TRIED = "max_fails=0"
"""nginx does not remember who failed: it would let one socket through every few seconds from then
on, until a socket ended well, and sockets last for hours. To remember is the asker's part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """Where nginx listens, and as whom."""

    host: str
    port: int
    status_port: int
    """`/readyz` and nginx's own counters, on this machine only."""
    certificate: Path
    key: Path
    sockets_per_address_max: int
    access_log: Path | None = None
    """A line for each request; none by default, as nobody here would bound the file."""


def write(folder: Path, listener: Listener, standings: Mapping[Gateway, Standing]) -> Path:
    """Write everything nginx needs into a folder; the path of its configuration."""
    for name in ("body", "proxy", "fastcgi", "uwsgi", "scgi"):
        (folder / "tmp" / name).mkdir(parents=True, exist_ok=True)
    write_whole(folder / "instance.conf", _instance(folder, listener))
    write_whole(folder / "listen.conf", _listen(listener))
    write_gateways(folder / GATEWAYS_FILE_NAME, standings)
    return Path(shutil.copy(CONFIGURATION, folder / "nginx.conf"))


def write_gateways(file: Path, standings: Mapping[Gateway, Standing]) -> bool:
    """Write the list if it says something else, in one step; whether it did.

    A reload at any moment reads a whole list, and none is asked for without need.
    """
    text = gateways(standings)
    if file.is_file() and file.read_text() == text:
        return False
    write_whole(file, text)
    return True


def read_gateways(file: Path) -> set[str]:
    """The addresses that the list says are down; none when there is no list."""
    if not file.is_file():
        return set()
    lines = [line.split() for line in file.read_text().splitlines()]
    return {line[1] for line in lines if len(line) > 2 and line[2] == "down;"}


def gateways(standings: Mapping[Gateway, Standing]) -> str:
    """The lines of the upstream; those that are out are there and down."""
    return "".join(
        f"server {gateway.address} {_ALWAYS_TRIED if standing.is_in else 'down'};\n"
        for gateway, standing in standings.items()
    )


def _access_log(file: Path | None) -> str:
    return "off" if file is None else f"{nginx_word(file)} plain"


def _instance(folder: Path, listener: Listener) -> str:
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = [
        f"{kind}_temp_path {nginx_word(folder / 'tmp' / kind.removeprefix('client_'))};"
        for kind in kinds
    ]
    return "\n".join(
        [
            *places,
            f"access_log {_access_log(listener.access_log)};",
            "server {",
            f"    listen 127.0.0.1:{listener.status_port};",
            "    access_log off;",
            '    location = /readyz { return 200 "ready\\n"; }',
            "    location = /status { stub_status; }",
            "    location / { return 404; }",
            "}",
            "",
        ]
    )


def _listen(listener: Listener) -> str:
    return "\n".join(
        [
            f"listen {listener.host}:{listener.port} ssl so_keepalive=on;",
            f"ssl_certificate {nginx_word(listener.certificate)};",
            f"ssl_certificate_key {nginx_word(listener.key)};",
            f"limit_conn addresses {listener.sockets_per_address_max};",
            "",
        ]
    )
