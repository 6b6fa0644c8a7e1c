"""What Redis says of its settings. Blocks: for a thread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import redis

from infra.demands.catalogue import REDIS_DEMANDS, Breach, breaches_of
from infra.settings import RedisSettings

TIMEOUT_SECONDS = 5.0


def breaches(settings: RedisSettings) -> list[Breach]:
    """Everything that is not as demanded. Raises `redis.RedisError` when it cannot be asked."""
    client = _client(settings)
    try:
        info: Any = client.info()
        known = client.connection_pool.connection_kwargs
        place = known.get("path") or f"{known.get('host', 'localhost')}:{known.get('port', 6379)}"
        return breaches_of(REDIS_DEMANDS, f"Redis at {place}", values_of(info))
    finally:
        client.close()


def values_of(info: Mapping[str, Any]) -> dict[str, str]:
    """The settings that demands name, from INFO. Pure."""
    values = {
        "maxmemory-policy": info.get("maxmemory_policy"),
        "cluster-enabled": {"0": "no", "1": "yes"}.get(str(info.get("cluster_enabled"))),
        "redis_version": info.get("redis_version"),
    }
    return {name: str(value) for name, value in values.items() if value is not None}


def _client(settings: RedisSettings) -> redis.Redis:
    options: dict[str, Any] = {
        "socket_timeout": TIMEOUT_SECONDS,
        "socket_connect_timeout": TIMEOUT_SECONDS,
        "decode_responses": True,
    }
    if settings.ca_file is not None:
        options["ssl_ca_certs"] = str(settings.ca_file)
    return redis.Redis.from_url(settings.url, **options)
