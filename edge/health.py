"""`/livez`, `/readyz`, `/metrics` and `/version`, on a port of their own.

Live: the loop answers. Ready: the gateway has started, Kafka confirmed something lately, the
delivery topic was asked lately, and the gateway is not draining.
"""

import time
from collections.abc import Callable
from importlib import metadata

from aiohttp import web

from infra.telemetry import Telemetry

STALE_SECONDS = 15.0


class Readiness:
    """Whether the gateway may be given clients."""

    def __init__(self, confirmed_at: Callable[[], float], polled_at: Callable[[], float]) -> None:
        self.started = False
        self.draining = False
        self.stale_seconds = STALE_SECONDS
        self._confirmed_at = confirmed_at
        self._polled_at = polled_at

    def checks(self) -> dict[str, bool]:
        """Each condition, and whether it holds."""
        now = time.monotonic()
        return {
            "started": self.started,
            "kafka_confirms": now - self._confirmed_at() < self.stale_seconds,
            "deliveries_polled": now - self._polled_at() < self.stale_seconds,
            "not_draining": not self.draining,
        }


def health_app(readiness: Readiness, telemetry: Telemetry) -> web.Application:
    """The aiohttp application."""

    async def live(_: web.Request) -> web.Response:
        return web.json_response({"live": True})

    async def ready(_: web.Request) -> web.Response:
        checks = readiness.checks()
        return web.json_response(checks, status=200 if all(checks.values()) else 503)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=telemetry.render(), content_type="text/plain", charset="utf-8")

    async def version(_: web.Request) -> web.Response:
        return web.json_response({"version": metadata.version("chatlog")})

    app = web.Application()
    app.router.add_get("/livez", live)
    app.router.add_get("/readyz", ready)
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/version", version)
    return app
