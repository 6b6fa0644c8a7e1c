"""Kafka 4.1: broker and controller in one process (KRaft).

The controller quorum is given in the configuration rather than kept in the metadata log, so the
instance may move to other ports. Timings of the new group protocol are short: a worker that
died is noticed in 6 s, a joining one is served at once.
"""

from __future__ import annotations

import base64
import subprocess
import uuid
from pathlib import Path

from infra.errors import UserError
from infra.stack.part import Part, last_lines
from infra.stack.place import Place
from infra.stack.probes import kafka_answers

_LOG4J = """\
rootLogger.level = WARN
rootLogger.appenderRef.out.ref = out
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{ISO8601} %p %m (%c{1})%n
"""


def kafka(place: Place) -> Part:
    """The broker on its remembered ports."""
    folder = place.part_folder("kafka")
    port, controller_port = place.ports.port("kafka"), place.ports.port("kafka.controller")
    configuration = folder / "server.properties"

    def java(*flags: str) -> tuple[str, ...]:
        log4j = f"-Dlog4j2.configurationFile={folder}/log4j2.properties"
        return place.jvm(folder, *flags, log4j, "--class-path", f"{place.jars}/kafka/*")

    def prepare() -> None:
        lines = [
            f"{key}={value}\n" for key, value in settings(folder, port, controller_port).items()
        ]
        configuration.write_text("".join(lines))
        (folder / "log4j2.properties").write_text(_LOG4J)
        if not (folder / "data" / "meta.properties").exists():
            _format_storage(java("-XX:TieredStopAtLevel=1"), configuration, folder)

    def command() -> tuple[str, ...]:
        flags = ("-Xms256m", "-Xmx512m", "-XX:+UseParallelGC")
        return (*java(*flags), "kafka.Kafka", str(configuration))

    return Part(
        name="kafka",
        command=command,
        folder=folder,
        log_file=folder / "server.log",
        port=port,
        answers=lambda: kafka_answers(f"127.0.0.1:{port}"),
        prepare=prepare,
    )


def settings(folder: Path, port: int, controller_port: int) -> dict[str, str | int]:
    """What differs from the broker's defaults."""
    return {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": str(folder / "data"),
        "auto.create.topics.enable": "false",
        # One broker: nothing can be replicated, and no claim about power loss is made.
        "default.replication.factor": 1,
        "min.insync.replicas": 1,
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 8,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 4,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "share.coordinator.state.topic.num.partitions": 4,
        "group.initial.rebalance.delay.ms": 0,
        "group.consumer.heartbeat.interval.ms": 1_000,
        "group.consumer.min.heartbeat.interval.ms": 1_000,
        "group.consumer.session.timeout.ms": 6_000,
        "group.consumer.min.session.timeout.ms": 6_000,
        # Two cores and half a gigabyte: fewer threads, and a small map for compaction.
        "num.network.threads": 1,
        "num.io.threads": 2,
        "background.threads": 2,
        "log.cleaner.dedupe.buffer.size": 8 << 20,
        "log.index.size.max.bytes": 1 << 20,
        # After a crash the controller holds the broker's place until its session has ended.
        "broker.session.timeout.ms": 3_000,
        "broker.heartbeat.interval.ms": 500,
    }


def _format_storage(java: tuple[str, ...], configuration: Path, folder: Path) -> None:
    """Write the cluster id into an empty data folder."""
    cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    command = ["format", "--cluster-id", f"c{cluster_id[1:]}", "--config", str(configuration)]
    log_file = folder / "format.log"
    with log_file.open("wb") as log:
        done = subprocess.run(
            [*java, "kafka.tools.StorageTool", *command],
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            timeout=60,
            check=False,
        )
    if done.returncode != 0:
        raise UserError(
            "kafka_format_failed",
            f"Kafka could not format its storage: {' '.join(last_lines(log_file, 2))}",
            "Run `chatlog down`, remove the folder of the instance, and start again.",
        )
