"""Free ports, found once and remembered in the instance folder.

Goes in: a name such as `kafka.client`. Comes out: a port on 127.0.0.1 that was free when it was
chosen, the same one on every later start while it is still free.

Ports are drawn from below the kernel's ephemeral range. A port within it can be taken, while
its part is down, as the source port of somebody's outgoing connection (even of a client that
retries this very port, which then talks to itself), and the part could not come back.
"""

from __future__ import annotations

import contextlib
import json
import random
import socket
from contextlib import AbstractContextManager
from pathlib import Path

import psutil

from infra.files import write_whole
from infra.stack.lock import one_at_a_time

_LOWEST = 15_000
_ATTEMPTS_MAX = 200


class PortBook:
    """The ports of one instance, kept in a small JSON file."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def known(self) -> dict[str, int]:
        """Every remembered name and its port."""
        try:
            return {
                str(name): int(port) for name, port in json.loads(self._file.read_text()).items()
            }
        except (OSError, ValueError, TypeError, AttributeError):
            return {}

    def port(self, name: str) -> int:
        """The remembered port, or one found now and remembered."""
        known = self.known()
        if name in known:
            return known[name]
        with self._alone():
            known = self.known()
            if name not in known:
                known[name] = find_free_port(avoid=set(known.values()))
                self._save(known)
            return known[name]

    def renew_taken(self) -> None:
        """Find another port for each name whose port somebody else holds by now."""
        with self._alone():
            known = self.known()
            for name, port in known.items():
                if not is_free(port):
                    known[name] = find_free_port(avoid=set(known.values()))
            self._save(known)

    def _alone(self) -> AbstractContextManager[None]:
        """Parts that start side by side draw from one book."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        return one_at_a_time(self._file.with_suffix(".lock"))

    def _save(self, known: dict[str, int]) -> None:
        write_whole(self._file, json.dumps(known, indent=2, sort_keys=True) + "\n")


def find_free_port(*, avoid: set[int]) -> int:
    """Draw ports at random until one can be bound."""
    draw = random.SystemRandom()
    for _ in range(_ATTEMPTS_MAX):
        port = draw.randrange(_LOWEST, _ephemeral_lowest())
        if port not in avoid and is_free(port):
            return port
    raise OSError(f"no free port found on 127.0.0.1 in {_ATTEMPTS_MAX} attempts")


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now."""
    with socket.socket() as attempt:
        # As servers do: connections that linger in TIME_WAIT do not make a port taken.
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind(("127.0.0.1", port))
            attempt.listen(1)
        except OSError:
            return False
    return True


def _ephemeral_lowest() -> int:
    try:
        lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        lowest = 32_768
    return lowest if lowest > _LOWEST + 1_000 else 32_768


def holder_of(port: int) -> str:
    """Who listens on the port, as far as this user may see."""
    for one in psutil.net_connections("tcp"):
        if one.status == psutil.CONN_LISTEN and one.laddr and one.laddr.port == port and one.pid:
            with contextlib.suppress(psutil.Error):
                return f"{psutil.Process(one.pid).name()} (process {one.pid})"
    return "another program"
