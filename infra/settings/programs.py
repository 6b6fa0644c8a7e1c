"""The other programs: workers, the balancer, and what connects to gateways."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from infra.settings.section import CommaSeparated, Gateways, Section


class ClientSettings(Section):
    """What the terminal client and the benchmarks connect to."""

    prefix = "CHAT_GATEWAY_"

    urls: CommaSeparated = Field(
        ("ws://127.0.0.1:8080/v1/ws",), description="WebSocket addresses of gateways: url,…"
    )
    ca_file: Path | None = Field(
        None,
        description="CA certificates for gateways (PEM), for wss; without it, those of the system.",
    )


class WorkerSettings(Section):
    """One worker process."""

    prefix = "CHAT_WORKER_"

    host: str = Field("127.0.0.1", description="Address to listen on for health and metrics.")
    health_port: int = Field(8091, ge=1, le=65_535, description="Port for health and metrics.")


class BalancerSettings(Section):
    """The program that tells nginx which gateways are ready."""

    prefix = "CHAT_BALANCER_"

    gateways: Gateways = Field(min_length=1, description="Every gateway: host:port:health_port,…")
    list_file: Path = Field(
        Path("/etc/nginx/gateways.conf"), description="nginx's list of gateways."
    )
    nginx_pid_file: Path = Field(Path("/run/nginx.pid"), description="Where nginx keeps its pid.")
    ask_seconds: float = Field(1.0, gt=0, description="Time from one health check to the next.")
    host: str = Field("127.0.0.1", description="Address to listen on for health.")
    health_port: int = Field(8092, ge=1, le=65_535, description="Port for health.")
