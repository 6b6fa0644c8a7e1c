"""One gateway, and which tokens it believes."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from infra.checkout import INSTANCE
from infra.settings.section import CommaSeparated, Networks, Section


class TokenSettings(Section):
    """Which access tokens are believed."""

    prefix = "CHAT_TOKEN_"

    issuer: str = Field("https://chatlog.local", description="The `iss` a token must name.")
    audience: str = Field("chatlog", description="The `aud` a token must name.")
    jwks_file: Path = Field(
        INSTANCE / "keys" / "jwks.json", description="Public keys (JWKS) that verify tokens."
    )
    signing_key_file: Path = Field(
        INSTANCE / "keys" / "signing.pem",
        description="Private key that `chatlog token` signs with; created at the first start.",
    )
    leeway_seconds: float = Field(30.0, ge=0, le=300, description="How far clocks may differ.")
    environment: Literal["development", "production"] = Field(
        "development", description="`production` refuses keys created for development."
    )


class EdgeSettings(Section):
    """One gateway."""

    prefix = "CHAT_EDGE_"

    gateway_id: str = Field(
        "gateway-1",
        alias="CHAT_GATEWAY_ID",
        pattern=r"^[a-z0-9][a-z0-9-]{0,62}$",
        description="Name of this gateway, and of its delivery topic.",
    )
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8080, ge=1, le=65_535, description="Port for clients.")
    health_port: int = Field(8090, ge=1, le=65_535, description="Port for health and metrics.")
    tls_certificate_file: Path | None = Field(
        None,
        description="Certificate chain (PEM) for clients; without it, TLS ends before the gateway.",
    )
    tls_key_file: Path | None = Field(None, description="Private key of that certificate (PEM).")
    allowed_origins: CommaSeparated = Field(
        (), description="Web origins that may connect; clients that send no origin always may."
    )
    trusted_proxies: Networks = Field(
        (),
        description="Addresses and networks of our own proxies, whose X-Forwarded-For is trusted.",
    )
    sockets_max: int = Field(20_000, ge=1, description="Sockets held at once.")
    address_sockets_max: int = Field(
        2_000, ge=1, description="Sockets held at once for one address (of IPv6: one /64 network)."
    )
    devices_max: int = Field(10, ge=1, description="Connected devices per user.")
    handshake_rate_per_second: float = Field(
        250.0,
        gt=0,
        description="Handshakes admitted per second; others wait, then are told to retry.",
    )
    handshake_queue_seconds: float = Field(
        2.0, ge=0, description="The longest time a handshake waits; beyond it the answer is 503."
    )
    address_handshake_rate_per_minute: int = Field(
        1_200,
        ge=1,
        description="Handshakes of one address per minute; beyond it the answer is 429. "
        "Twice as many connections are allowed, including those that send no request.",
    )
    address_handshake_burst: int = Field(
        500, ge=1, description="Handshakes of one address at once."
    )
    bad_token_rate_per_minute: int = Field(
        60,
        ge=1,
        description="Invalid tokens of one address per minute; beyond it the client is told to "
        "wait. A valid token is still accepted.",
    )
    send_rate_per_minute: int = Field(
        100,
        ge=1,
        description="Messages a user may send per minute, all devices on this gateway together.",
    )
    send_burst: int = Field(50, ge=1, description="Messages a user may send at once.")
    open_rate_per_minute: int = Field(
        60,
        ge=1,
        description="Sessions a user may open per minute; beyond it 4008 with the time to retry.",
    )
    open_burst: int = Field(60, ge=1, description="Sessions a user may open at once.")
    query_rate_per_minute: int = Field(
        600, ge=1, description="Queries (history, inbox) a user may send per minute."
    )
    query_burst: int = Field(300, ge=1, description="Queries a user may send at once.")
    mark_rate_per_minute: int = Field(
        12_000, ge=1, description="Watermarks (delivered, read) a user may send per minute."
    )
    mark_burst: int = Field(2_000, ge=10, description="Watermarks a user may send at once.")
    unanswered_max: int = Field(
        2_048,
        ge=1,
        description="Messages of this gateway that may wait for an answer; others are told to "
        "retry, unless no answers arrive at all.",
    )
    unsaid_max: int = Field(
        50_000,
        ge=1,
        description="Sessions that started or ended and are not in the log yet; beyond it no "
        "socket is accepted.",
    )
    frame_rate_per_minute: int = Field(
        12_000, ge=1, description="Frames of any kind from a socket per minute; more closes it."
    )
    frame_burst: int = Field(2_000, ge=1, description="Frames of any kind from a socket at once.")
    in_flight_max: int = Field(
        256, ge=1, description="Requests of a socket that may wait for Kafka at once."
    )
    outbox_frames_max: int = Field(
        4_096, ge=1, description="Frames that may wait for a slow client; more closes it."
    )
    outbox_bytes_max: int = Field(
        4_194_304, ge=65_536, description="Bytes that may wait for a slow client; more closes it."
    )
    outboxes_bytes_max: int = Field(
        536_870_912,
        ge=1_048_576,
        description="Bytes that may wait for all slow clients together; beyond it the clients with "
        "the longest queues are closed.",
    )
    hello_seconds: float = Field(
        5.0, gt=0, description="Time within which a client must authenticate."
    )
    register_seconds: float = Field(
        10.0,
        gt=0,
        description="Time for a new session to be registered, so that answers can reach it; then "
        "its client is welcomed, or told to retry later.",
    )
    heartbeat_seconds: float = Field(
        30.0,
        gt=0,
        description="A socket that is silent for this long is pinged; for twice as long, closed.",
    )
    frame_seconds: float = Field(
        20.0, gt=0, description="Time for a frame to arrive completely once it has begun."
    )
    message_timeout_seconds: float = Field(
        10.0,
        gt=0,
        description="Time for Kafka to confirm; after it the client is answered `unavailable`.",
    )
    drain_seconds: float = Field(
        10.0, ge=0, description="On shutdown, sockets are closed evenly over this time."
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.tls_certificate_file is None) != (self.tls_key_file is None):
            raise ValueError("TLS needs both a certificate and its key")
        return self
