"""The schema registry: Apicurio 3.0, spoken to through its Confluent interface.

It keeps its schemas in a Kafka topic and only a copy in memory, so it needs Kafka to start and
no other store.
"""

from __future__ import annotations

from infra.stack.cluster import broker_names
from infra.stack.part import Part
from infra.stack.place import Place
from infra.stack.probes import http_answers

VERSION = "3.0.9"


def registry(place: Place) -> Part:
    """The registry on its remembered port, storing in this instance's Kafka."""
    folder = place.part_folder("registry")
    port = place.ports.port("registry")
    properties = {
        "quarkus.http.host": "127.0.0.1",
        "quarkus.http.port": port,
        "quarkus.log.level": "WARN",
        "quarkus.banner.enabled": "false",
        "apicurio.storage.kind": "kafkasql",
        "apicurio.storage.sql.kind": "h2",
        "apicurio.kafkasql.bootstrap.servers": place.bootstrap,
    }

    def command() -> tuple[str, ...]:
        # Start-up time is what matters here: it serves a few requests at deployment.
        return (
            *place.jvm(folder, "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
            *(f"-D{name}={value}" for name, value in properties.items()),
            "-jar",
            str(place.jars / "registry" / f"apicurio-registry-app-{VERSION}-runner.jar"),
        )

    return Part(
        name="registry",
        command=command,
        folder=folder,
        log_file=folder / "server.log",
        port=port,
        answers=lambda: http_answers(f"http://127.0.0.1:{port}/apis/ccompat/v7/subjects"),
        # It copies its topics to as many brokers, at most three, as there are when it makes them.
        needs=broker_names(place.brokers),
        stop_seconds_max=10.0,
    )
