"""`python -m infra.balancer`: runs beside nginx and keeps its list of gateways.

Its own `/readyz` answers 200 once every gateway was asked, and says how each stands. Ends with 0 at
SIGTERM and SIGINT; nginx goes on.
"""

import asyncio
import signal
import sys
from dataclasses import dataclass

from aiohttp import web

from infra.balancer.asking import Asker
from infra.balancer.standing import gateway_at
from infra.errors import UserError
from infra.exits import Exit
from infra.logs import set_up_logs
from infra.settings import BalancerSettings, load


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says."""

    balancer: BalancerSettings


async def serve(settings: BalancerSettings) -> None:
    """Ask until a signal comes."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    gateways = [gateway_at(text) for text in settings.gateways]
    asker = Asker(gateways, settings.list_file, settings.nginx_pid_file)
    runner = web.AppRunner(_health(asker), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, settings.host, settings.health_port).start()
    asking = asyncio.create_task(asker.run(settings.ask_seconds))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((asking, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    await runner.cleanup()
    if asking.done():
        asking.result()
    asking.cancel()


def _health(asker: Asker) -> web.Application:
    async def ready(_: web.Request) -> web.Response:
        stand = {one.address: how.is_in for one, how in asker.standings.items()}
        return web.json_response(stand, status=200 if asker.rounds else 503)

    app = web.Application()
    app.router.add_get("/readyz", ready)
    return app


def main() -> int:
    """Run the program."""
    set_up_logs("balancer")
    try:
        asyncio.run(serve(load(Settings).balancer))
    except UserError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    return Exit.DONE


if __name__ == "__main__":
    sys.exit(main())
