"""Where the log, its schemas and the read models are."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from infra.checkout import INSTANCE
from infra.settings.section import CommaSeparated, Section


class KafkaSettings(Section):
    """Where the log is."""

    prefix = "CHAT_KAFKA_"

    bootstrap: str = Field("127.0.0.1:9092", description="Brokers to start from: host:port,…")
    security: Literal["plaintext", "sasl_ssl"] = Field(
        "plaintext", description="`sasl_ssl`: TLS, with a user name and password (SCRAM-SHA-512)."
    )
    username: str = Field("", description="This program's user name in Kafka.")
    password: str = Field("", repr=False, description="The password of that name.")
    ca_file: Path | None = Field(
        None,
        description="CA certificates for the brokers (PEM); without it, those of the system.",
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
        le=511,
        description="Increase it by one when the log lost records or was restored: it orders the "
        "write times of rows, and positions of an older generation are not trusted.",
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
    """Where schemas are registered; used at deployment, and for ids that a worker does not know."""

    prefix = "CHAT_REGISTRY_"

    url: str = Field(
        "http://127.0.0.1:8081/apis/ccompat/v7",
        description="Base URL of the Confluent-compatible API.",
    )
    ca_file: Path | None = Field(
        None,
        description="CA certificates for it (PEM), for https; without it, those of the system.",
    )


class SchemaSettings(Section):
    """The outcome of registering schemas."""

    prefix = "CHAT_SCHEMA_"

    ids: Path = Field(
        INSTANCE / "schema-ids.json",
        description="File with the registry's id of each schema version, written at deployment.",
    )


class CassandraSettings(Section):
    """Where the durable read models are."""

    prefix = "CHAT_CASSANDRA_"

    hosts: CommaSeparated = Field(("127.0.0.1",), description="Nodes to start from: host,…")
    port: int = Field(9042, ge=1, le=65_535, description="Port of the native protocol.")
    keyspace: str = Field("chat", pattern=r"^[a-z][a-z0-9_]{0,47}$", description="Keyspace.")
    datacenter: str = Field(
        "datacenter1",
        pattern=r"^[A-Za-z0-9_.-]+$",
        description="The data centre in which this program runs.",
    )
    replication_factor: int = Field(1, ge=1, description="Copies of each row; 3 in production.")
    username: str = Field(
        "", description="This program's role in Cassandra; empty: no authentication."
    )
    password: str = Field("", repr=False, description="The password of that name.")
    ca_file: Path | None = Field(
        None, description="CA certificates for the nodes (PEM); without it, no TLS."
    )


class RedisSettings(Section):
    """Where the expiring read models are."""

    prefix = "CHAT_REDIS_"

    url: str = Field(
        "redis://127.0.0.1:6379/0",
        repr=False,
        description="Server and database; rediss://name:password@host:port/0 uses TLS.",
    )
    ca_file: Path | None = Field(
        None, description="CA certificates for it (PEM); without it, those of the system."
    )
