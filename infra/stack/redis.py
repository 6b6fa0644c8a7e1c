"""Redis from the system's package, without persistence: it is never the only copy of anything."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from infra.access import COMPONENTS, OPERATOR, redis_rules
from infra.errors import UserError
from infra.files import OWNER_ONLY, write_whole
from infra.stack.part import Part
from infra.stack.place import Place
from infra.stack.probes import redis_answers
from infra.stack.vault import Vault, certified

_USERS_FILE_NAME = "users.acl"


def redis(place: Place) -> Part:
    """The server on its remembered port; memory that is full refuses, it never evicts."""
    folder = place.part_folder("redis")
    port = place.ports.port("redis")
    vault = place.vault
    tls = None if vault is None else certified(vault, "redis")
    options = {
        **({"port": port} if vault is None else _locked(vault, folder, port)),
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
        answers=lambda: redis_answers(port, tls),
        prepare=lambda: None if vault is None else _write_users(vault, folder),
        ready_seconds_max=60.0,
        stop_seconds_max=10.0,
    )


def _locked(vault: Vault, folder: Path, port: int) -> dict[str, object]:
    """TLS only, and nobody without a name."""
    certificate = vault.certificate("redis")
    return {
        "port": 0,
        "tls-port": port,
        "tls-cert-file": certificate,
        "tls-key-file": certificate,
        "tls-ca-cert-file": vault.ca_file,
        "tls-auth-clients": "no",
        "tls-protocols": "TLSv1.2 TLSv1.3",
        "aclfile": folder / _USERS_FILE_NAME,
    }


def _write_users(vault: Vault, folder: Path) -> None:
    """Who may come in, with what; only digests of passwords are on the disk of the server."""
    names = (OPERATOR, *(one.name for one in COMPONENTS.values() if one.uses_redis))
    lines = ["user default off resetkeys resetchannels -@all"]
    for name in names:
        digest = hashlib.sha256(vault.password(name).encode()).hexdigest()
        lines.append(f"user {name} on #{digest} {' '.join(redis_rules(name))}")
    write_whole(folder / _USERS_FILE_NAME, "\n".join(lines) + "\n", OWNER_ONLY)


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
