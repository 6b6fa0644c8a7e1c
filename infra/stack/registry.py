"""The schema registry: Apicurio 3.0, spoken to through its Confluent interface.

It keeps its schemas in a Kafka topic and only a copy in memory, so it needs Kafka to start and
no other store.
"""

from __future__ import annotations

from pathlib import Path

from infra.access import REGISTRY
from infra.files import OWNER_ONLY, write_whole
from infra.formats import jaas, java_properties
from infra.stack.cluster import broker_names
from infra.stack.part import Part
from infra.stack.place import JVM_ENVIRONMENT, Place
from infra.stack.probes import http_answers
from infra.stack.vault import Vault, certified

VERSION = "3.0.9"


def registry(place: Place) -> Part:
    """The registry on its remembered port, storing in this instance's Kafka."""
    folder = place.part_folder("registry")
    port = place.ports.port("registry")
    vault = place.vault
    tls = None if vault is None else certified(vault, "registry")
    properties = {
        "quarkus.http.host": "127.0.0.1",
        **({"quarkus.http.port": port} if vault is None else _locked(vault, port)),
        "quarkus.log.level": "WARN",
        "quarkus.banner.enabled": "false",
        "apicurio.storage.kind": "kafkasql",
        "apicurio.storage.sql.kind": "h2",
        "apicurio.kafkasql.bootstrap.servers": place.bootstrap,
    }

    def prepare() -> None:
        if vault is not None:
            _write_secrets(folder, vault)

    def command() -> tuple[str, ...]:
        # Start-up time is what matters here: it serves a few requests at deployment.
        return (
            *place.jvm(folder, "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
            *(f"-D{name}={value}" for name, value in properties.items()),
            "-jar",
            str(place.jars / "registry" / f"apicurio-registry-app-{VERSION}-runner.jar"),
        )

    url = registry_url(place)
    return Part(
        name="registry",
        command=command,
        folder=folder,
        log_file=folder / "server.log",
        port=port,
        answers=lambda: http_answers(f"{url}/subjects", tls),
        environment=JVM_ENVIRONMENT,
        prepare=prepare,
        # It copies its topics to as many brokers, at most three, as there are when it makes them.
        needs=broker_names(place.brokers),
        stop_seconds_max=10.0,
    )


def registry_url(place: Place) -> str:
    """The base of its Confluent interface."""
    scheme = "http" if place.vault is None else "https"
    return f"{scheme}://127.0.0.1:{place.ports.port('registry')}/apis/ccompat/v7"


def _locked(vault: Vault, port: int) -> dict[str, object]:
    certificate = vault.certificate("registry")
    return {
        "quarkus.http.insecure-requests": "disabled",
        "quarkus.http.ssl-port": port,
        "quarkus.http.ssl.certificate.files": certificate,
        "quarkus.http.ssl.certificate.key-files": certificate,
        "quarkus.http.ssl.protocols": "TLSv1.3,TLSv1.2",
        "apicurio.kafka.common.security.protocol": "SASL_SSL",
        "apicurio.kafka.common.sasl.mechanism": "SCRAM-SHA-512",
        "apicurio.kafka.common.ssl.truststore.type": "PEM",
        "apicurio.kafka.common.ssl.truststore.location": vault.ca_file,
    }


def _write_secrets(folder: Path, vault: Vault) -> None:
    """Its password in a file of its own, since everybody sees the arguments of a process."""
    file = folder / "config" / "application.properties"
    file.parent.mkdir(exist_ok=True)
    module = "org.apache.kafka.common.security.scram.ScramLoginModule"
    login = jaas(module, {"username": REGISTRY, "password": vault.password(REGISTRY)})
    secrets = {"apicurio.kafka.common.sasl.jaas.config": login}
    write_whole(file, java_properties(secrets), OWNER_ONLY)
