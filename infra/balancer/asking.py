"""Asks every gateway once a second, and makes nginx read its list again when it changed.

In: the gateways, the file with nginx's list, nginx's pid file. Out: the file, and a SIGHUP, which
is tried until there is an nginx that gets it. A reload cuts nothing: old workers keep their
sockets, new ones take what comes.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import structlog

from infra.balancer.files import read_gateways, write_gateways
from infra.balancer.standing import Answer, Gateway, Standing, judged

ANSWER_SECONDS_MAX = 1.0

log = structlog.get_logger()


class Asker:
    """How all gateways stand, kept current."""

    def __init__(self, gateways: Sequence[Gateway], list_file: Path, pid_file: Path) -> None:
        out = read_gateways(list_file)
        self.standings = {one: Standing(is_in=one.address not in out) for one in gateways}
        self.rounds = 0
        self._owed = False
        self._may_not = False
        self._list_file = list_file
        self._pid_file = pid_file

    async def run(self, every_seconds: float) -> None:
        """Ask for ever, each time on a new connection: to be ready is to take connections too."""
        connector = aiohttp.TCPConnector(force_close=True)
        async with aiohttp.ClientSession(connector=connector) as http:
            while True:
                await self.ask(http)
                await asyncio.sleep(every_seconds)

    async def ask(self, http: aiohttp.ClientSession) -> None:
        """Ask all once, side by side, and act on what changed."""
        gateways = list(self.standings)
        answers = await asyncio.gather(*(_answer(http, one) for one in gateways))
        said = dict(zip(gateways, answers, strict=True))
        self.standings = judged(self.standings, said)
        self.rounds += 1
        if write_gateways(self._list_file, self.standings):
            self._owed = True
            log.info(
                "gateways changed",
                chosen=[one.address for one, how in self.standings.items() if how.is_in],
                answers={one.address: str(answer) for one, answer in said.items()},
            )
        if self._owed:
            self._owed = not self._reload()

    def _reload(self) -> bool:
        try:
            return reload(self._pid_file)
        except PermissionError:
            if not self._may_not:
                log.warning("nginx may not be signalled: it keeps its old list", by=os.getuid())
            self._may_not = True
            return False


def reload(pid_file: Path) -> bool:
    """Make nginx read its files again; False when none runs. Raises PermissionError."""
    try:
        pid = int(pid_file.read_text())
        if Path(f"/proc/{pid}/comm").read_text().strip() != "nginx":
            return False
        os.kill(pid, signal.SIGHUP)
    except PermissionError:
        raise
    except (OSError, ValueError):
        return False
    return True


async def _answer(http: aiohttp.ClientSession, gateway: Gateway) -> Answer:
    try:
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS_MAX)
        async with http.get(gateway.question, timeout=timeout) as response:
            return Answer.READY if response.status == 200 else Answer.NOT_READY
    except (aiohttp.ClientError, OSError, TimeoutError):
        return Answer.SILENT
