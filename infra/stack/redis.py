"""Redis from the system's package, without persistence: it is never the only copy of anything."""

from __future__ import annotations

import shutil

from infra.errors import UserError
from infra.stack.part import Part
from infra.stack.place import Place
from infra.stack.probes import redis_answers


def redis(place: Place) -> Part:
    """The server on its remembered port; memory that is full refuses, it never evicts."""
    folder = place.part_folder("redis")
    port = place.ports.port("redis")
    options = {
        "port": port,
        "bind": "127.0.0.1",
        "dir": folder,
        "save": "",
        "appendonly": "no",
        "maxmemory": "512mb",
        "maxmemory-policy": "noeviction",
        "loglevel": "warning",
    }
    return Part(
        name="redis",
        command=lambda: (
            find_redis(place.environment.get("PATH")),
            *(word for name, value in options.items() for word in (f"--{name}", str(value))),
        ),
        folder=folder,
        log_file=folder / "server.log",
        port=port,
        answers=lambda: redis_answers(port),
        ready_seconds_max=15.0,
        stop_seconds_max=10.0,
    )


def find_redis(path: str | None = None) -> str:
    """The server's program file."""
    found = shutil.which("redis-server", path=path)
    if found is None:
        raise UserError(
            "no_redis",
            "redis-server is not installed.",
            "Run `make setup`, or install it: apt-get install redis-server",
        )
    return found
