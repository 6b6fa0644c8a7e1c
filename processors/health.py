"""`/livez`, `/readyz`, `/metrics` of a worker, on a port of their own.

Live: nothing is stuck. Ready: every source has been given its partitions or has at least polled,
and no role has stopped because the log holds events of a newer release.
"""

from collections.abc import Mapping

from aiohttp import web

from infra.telemetry import Telemetry
from processors.progress import Progress
from processors.watchdog import Watchdog


def health_app(
    watchdog: Watchdog, progress: Mapping[str, Progress], telemetry: Telemetry
) -> web.Application:
    """The aiohttp application."""

    async def live(_: web.Request) -> web.Response:
        found = watchdog.complaints()
        return web.json_response({"stuck": found}, status=503 if found else 200)

    async def ready(_: web.Request) -> web.Response:
        roles = {
            group: {
                "partitions": one.partitions,
                "records": one.records,
                "retrying": one.retrying,
                "stopped": one.stopped,
            }
            for group, one in progress.items()
        }
        waiting = [one for one in progress.values() if one.stopped or not one.assigned]
        return web.json_response({"roles": roles}, status=503 if waiting else 200)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=telemetry.render(), content_type="text/plain", charset="utf-8")

    app = web.Application()
    app.router.add_get("/livez", live)
    app.router.add_get("/readyz", ready)
    app.router.add_get("/metrics", metrics)
    return app
