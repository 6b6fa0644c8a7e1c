"""Every setting of every program: its name, type, unit, default and meaning.

Goes in: environment variables that begin with CHAT_, and below them the env file that
`chatlog up` writes (`.chatlog/environment`, or the file CHAT_ENV_FILE names, none when it is
empty). Comes out: frozen values. This is the only module that reads the environment, and only when
`load` is called.

A program says what it needs by a frozen dataclass of sections and calls `load` once, in its
`__main__`. Everything that is missing, malformed or unknown is reported together. Defaults suit
a laptop. Partitions, retention and keys are facts of the system, not settings: `events.topics`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar, get_type_hints

from dotenv import dotenv_values
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from infra.errors import UserError

PREFIX = "CHAT_"
ENV_FILE_NAME = "CHAT_ENV_FILE"
EXIT_CONFIG = 78
"""EX_CONFIG of sysexits.h: the program was not configured rightly."""


def _split(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(item.strip() for item in value.split(",") if item.strip())


CommaSeparated = Annotated[tuple[str, ...], BeforeValidator(_split)]
"""A list, written `a,b,c`."""

Gateways = Annotated[
    tuple[Annotated[str, StringConstraints(pattern=r"^[^,\s;]+:\d{1,5}:\d{1,5}$")], ...],
    BeforeValidator(_split),
]
"""Gateways, written `host:port:health_port,…`; nothing in it could end a line of nginx's."""

Networks = Annotated[tuple[IPv4Network | IPv6Network, ...], BeforeValidator(_split)]
"""Addresses and networks, written `10.0.0.7,10.1.0.0/16`."""


class Section(BaseModel):
    """Settings that belong together; each subclass names its prefix."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True)
    prefix: ClassVar[str]

    @classmethod
    def variables(cls) -> dict[str, str]:
        """Each field and the variable that sets it."""
        return {
            name: field.alias or f"{cls.prefix}{name.upper()}"
            for name, field in cls.model_fields.items()
        }


class KafkaSettings(Section):
    """Where the log is."""

    prefix = "CHAT_KAFKA_"

    bootstrap: str = Field("127.0.0.1:9092", description="Brokers to start from: host:port,…")
    security: Literal["plaintext", "sasl_ssl"] = Field(
        "plaintext", description="`sasl_ssl`: TLS, and a name and password (SCRAM-SHA-512)."
    )
    username: str = Field("", description="Who this program is to Kafka.")
    password: str = Field("", repr=False, description="The password of that name.")
    ca_file: Path | None = Field(
        None, description="Who may vouch for the brokers (PEM); without it, whom the system trusts."
    )
    replication_factor: int = Field(
        1,
        ge=1,
        description="Copies of each partition; 3 in production. All but one must hold a record "
        "before it is confirmed.",
    )
    log_generation: int = Field(
        0,
        ge=0,
        le=524_287,
        description="Raised by one when the log was restored into a new cluster, where offsets "
        "start again: it orders the write times of rows.",
    )

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.security != "plaintext" and not (self.username and self.password):
            raise ValueError("sasl_ssl needs a username and a password")
        return self

    def connection(self) -> dict[str, Any]:
        """What every client of librdkafka is made with, beside what is its own."""
        properties = {"bootstrap.servers": self.bootstrap}
        if self.security == "plaintext":
            return properties
        properties |= {
            "security.protocol": self.security,
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": self.username,
            "sasl.password": self.password,
        }
        if self.ca_file is not None:
            properties["ssl.ca.location"] = str(self.ca_file)
        return properties


class RegistrySettings(Section):
    """Where schemas are registered; used at deployment only."""

    prefix = "CHAT_REGISTRY_"

    url: str = Field(
        "http://127.0.0.1:8081/apis/ccompat/v7", description="Base of the Confluent interface."
    )
    ca_file: Path | None = Field(
        None, description="Who may vouch for it (PEM), for https; else whom the system trusts."
    )


class SchemaSettings(Section):
    """The outcome of registering schemas."""

    prefix = "CHAT_SCHEMA_"

    ids: Path = Field(
        Path(".chatlog/schema-ids.json"),
        description="File with the registry's id of each schema version, written at deployment.",
    )


class CassandraSettings(Section):
    """Where the durable read models are."""

    prefix = "CHAT_CASSANDRA_"

    hosts: CommaSeparated = Field(("127.0.0.1",), description="Nodes to start from: host,…")
    port: int = Field(9042, ge=1, le=65_535, description="Port of the native protocol.")
    keyspace: str = Field("chat", pattern=r"^[a-z][a-z0-9_]{0,47}$", description="Keyspace.")
    datacenter: str = Field("datacenter1", description="The data centre this program is in.")
    replication_factor: int = Field(1, ge=1, description="Copies of each row; 3 in production.")
    username: str = Field("", description="Who this program is to Cassandra; empty: nobody asks.")
    password: str = Field("", repr=False, description="The password of that name.")
    ca_file: Path | None = Field(
        None, description="Who may vouch for the nodes (PEM); without it, no TLS."
    )


class RedisSettings(Section):
    """Where the expiring read models are."""

    prefix = "CHAT_REDIS_"

    url: str = Field(
        "redis://127.0.0.1:6379/0",
        repr=False,
        description="Server and database: rediss://name:password@host:port/0 speaks TLS.",
    )
    ca_file: Path | None = Field(
        None, description="Who may vouch for it (PEM); without it, whom the system trusts."
    )


class TokenSettings(Section):
    """Which access tokens are believed."""

    prefix = "CHAT_TOKEN_"

    issuer: str = Field("https://chatlog.local", description="The `iss` a token must name.")
    audience: str = Field("chatlog", description="The `aud` a token must name.")
    jwks_file: Path = Field(
        Path(".chatlog/keys/jwks.json"), description="Public keys (JWKS) that sign tokens."
    )
    signing_key_file: Path = Field(
        Path(".chatlog/keys/signing.pem"),
        description="Private key that `chatlog token` signs with; made at first start.",
    )
    leeway_seconds: float = Field(30.0, ge=0, le=300, description="How far clocks may differ.")
    environment: Literal["development", "production"] = Field(
        "development", description="`production` refuses keys made for development."
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
        None, description="Chain (PEM) to show clients; without it, TLS ends before the gateway."
    )
    tls_key_file: Path | None = Field(None, description="Private key of that certificate (PEM).")
    allowed_origins: CommaSeparated = Field(
        (), description="Web origins that may connect; clients that send no origin always may."
    )
    trusted_proxies: Networks = Field(
        (),
        description="Addresses and networks of our own proxies, whose X-Forwarded-For is believed.",
    )
    sockets_max: int = Field(20_000, ge=1, description="Sockets held at once.")
    address_sockets_max: int = Field(
        2_000, ge=1, description="Sockets held at once for one address (of IPv6: one /64 network)."
    )
    devices_max: int = Field(10, ge=1, description="Devices of a user connected at once.")
    handshake_rate_per_second: float = Field(
        250.0, gt=0, description="Handshakes let through a second; others wait, then come later."
    )
    handshake_queue_seconds: float = Field(
        2.0, ge=0, description="A handshake waits so long at most; beyond it the answer is 503."
    )
    address_handshake_rate_per_minute: int = Field(
        1_200, ge=1, description="Handshakes of one address a minute; beyond it the answer is 429."
    )
    address_handshake_burst: int = Field(
        500, ge=1, description="Handshakes of one address at once."
    )
    bad_token_rate_per_minute: int = Field(
        60, ge=1, description="Bad tokens of one address that are looked at, a minute and at once."
    )
    send_rate_per_minute: int = Field(
        100, ge=1, description="Messages a user may send a minute, all devices here together."
    )
    send_burst: int = Field(50, ge=1, description="Messages a user may send at once.")
    query_rate_per_minute: int = Field(
        600, ge=1, description="Questions (history, inbox) a user may ask a minute."
    )
    query_burst: int = Field(300, ge=1, description="Questions a user may ask at once.")
    unanswered_max: int = Field(
        2_048,
        ge=1,
        description="Messages of this gateway that may wait for an answer; others are told to come "
        "again, unless no answers come at all.",
    )
    frame_rate_per_minute: int = Field(
        12_000, ge=1, description="Frames of any kind from a socket a minute; more closes it."
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
    hello_seconds: float = Field(5.0, gt=0, description="Time to authenticate in.")
    heartbeat_seconds: float = Field(
        30.0, gt=0, description="A socket silent for so long is pinged; for twice as long, closed."
    )
    frame_seconds: float = Field(
        20.0, gt=0, description="Time for a frame to arrive in whole once it has begun."
    )
    message_timeout_seconds: float = Field(
        10.0, gt=0, description="Time for Kafka to confirm; then a client is told `unavailable`."
    )
    drain_seconds: float = Field(
        10.0, ge=0, description="At a stop, sockets are closed evenly over this time."
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.tls_certificate_file is None) != (self.tls_key_file is None):
            raise ValueError("TLS needs both a certificate and its key")
        return self


class ClientSettings(Section):
    """What the terminal client and the benchmarks connect to."""

    prefix = "CHAT_GATEWAY_"

    urls: CommaSeparated = Field(
        ("ws://127.0.0.1:8080/v1/ws",), description="WebSocket addresses of gateways: url,…"
    )
    ca_file: Path | None = Field(
        None, description="Who may vouch for gateways (PEM), for wss; else whom the system trusts."
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
        Path("/etc/nginx/chatlog/gateways.conf"), description="nginx's list of gateways."
    )
    nginx_pid_file: Path = Field(Path("/run/nginx.pid"), description="Where nginx keeps its pid.")
    ask_seconds: float = Field(1.0, gt=0, description="Time from one question to the next.")
    host: str = Field("127.0.0.1", description="Address to listen on for health.")
    health_port: int = Field(8092, ge=1, le=65_535, description="Port for health.")


Program = TypeVar("Program")


def load(program: type[Program], environment: Mapping[str, str] | None = None) -> Program:
    """Build a program's settings, a dataclass whose fields are sections, from the environment.

    Raises one `UserError` that names every setting that is missing, malformed or unknown.
    """
    values = read_environment(os.environ if environment is None else environment)
    problems = [f"{name} is not a setting" for name in sorted(values.keys() - known_variables())]
    built: dict[str, Section] = {}
    for field_name, section in _sections_of(program).items():
        given = {
            field: values[variable]
            for field, variable in section.variables().items()
            if variable in values
        }
        try:
            built[field_name] = section.model_validate(given, by_name=True)
        except ValidationError as error:
            problems += _problems(section, error)
    if problems:
        raise UserError(
            "bad_settings",
            "The settings cannot be used: " + "; ".join(problems) + ".",
            "Mend them in the environment or in the env file; "
            "infra/settings.py says what each means.",
            exit_status=EXIT_CONFIG,
        )
    return program(**built)


def read_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """All CHAT_ variables: those of the env file, and over them those of the environment."""
    named = environment.get(ENV_FILE_NAME, ".chatlog/environment")
    file = Path(named)
    if named and ENV_FILE_NAME in environment and not file.is_file():
        raise UserError(
            "no_env_file",
            f"{ENV_FILE_NAME} names {file}, which is no file.",
            "Mend or unset the variable.",
            exit_status=EXIT_CONFIG,
        )
    from_file = dotenv_values(file, interpolate=False) if file.is_file() else {}
    merged = {**{name: value or "" for name, value in from_file.items()}, **environment}
    return {
        name: value
        for name, value in merged.items()
        if name.startswith(PREFIX) and name != ENV_FILE_NAME
    }


def known_variables() -> frozenset[str]:
    """The name of every variable some program reads."""
    return frozenset(name for section in sections() for name in section.variables().values())


def sections() -> Iterator[type[Section]]:
    """Every section there is, in the order of this file."""
    yield from Section.__subclasses__()


def inherited_environment() -> dict[str, str]:
    """The environment child processes inherit."""
    return dict(os.environ)


def _sections_of(program: type) -> dict[str, type[Section]]:
    return get_type_hints(program)


def _problems(section: type[Section], error: ValidationError) -> Iterator[str]:
    variables = section.variables()
    for problem in error.errors():
        place = str(problem["loc"][0]) if problem["loc"] else ""
        yield f"{variables.get(place, f'{section.prefix}…')}: {problem['msg']}"
