"""Kafka 4.1: broker and controller in one process (KRaft), one of them or three.

With three, every record has three copies, two of which hold it before it is confirmed: one broker
may die. A majority of the voters must run before any is ready.

The controller quorum is given in the configuration rather than kept in the metadata log, so the
instance may move to other ports. Timings of the new group protocol are short: a worker that
died is noticed in 6 s, a joining one is served at once.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from infra.errors import UserError
from infra.files import write_whole
from infra.formats import file_url, java_properties
from infra.settings import inherited_environment
from infra.stack import cluster, locks
from infra.stack.part import Part, last_lines
from infra.stack.place import JVM_ENVIRONMENT, Place
from infra.stack.probes import kafka_answers
from infra.topics import in_sync_min

_FORMAT_SECONDS_MAX = 300
_LOG4J = """\
rootLogger.level = WARN
rootLogger.appenderRef.out.ref = out
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{ISO8601} %p %m (%c{1})%n
"""


def kafka(place: Place, node_id: int = 1) -> Part:
    """One broker on its remembered ports."""
    name = cluster.broker_name(node_id)
    folder = place.part_folder(name)
    port = place.ports.port(name)
    voters = [
        place.ports.port(f"{voter}.controller") for voter in cluster.broker_names(place.brokers)
    ]
    vault = place.vault
    inner = port if vault is None else place.ports.port(f"{name}.internal")
    shown = None if vault is None else locks.as_broker(vault)
    configuration = folder / "server.properties"

    def java(*flags: str) -> tuple[str, ...]:
        log4j = f"-Dlog4j2.configurationFile={file_url(folder / 'log4j2.properties')}"
        return place.jvm(folder, *flags, log4j, "--class-path", f"{place.jars}/kafka/*")

    def prepare() -> None:
        given = settings(folder, port, voters, node_id)
        if vault is not None:
            given |= locks.kafka_settings(vault, port, inner, voters[node_id - 1])
        write_whole(configuration, java_properties(given))
        write_whole(folder / "log4j2.properties", _LOG4J)
        if not (folder / "data" / "meta.properties").exists():
            refuse_data_elsewhere(folder / "data")
            cluster_id = cluster.decide(place.folder, place.brokers).id
            _format_storage(java("-XX:TieredStopAtLevel=1"), configuration, folder, cluster_id)

    def command() -> tuple[str, ...]:
        heap = ("-Xms256m", "-Xmx512m") if place.brokers == 1 else ("-Xms128m", "-Xmx384m")
        flags = (*heap, "-XX:+UseParallelGC")
        return (*java(*flags), "kafka.Kafka", str(configuration))

    return Part(
        name=name,
        command=command,
        folder=folder,
        log_file=folder / "server.log",
        port=port,
        answers=lambda: kafka_answers(inner, shown),
        prepare=prepare,
        environment=JVM_ENVIRONMENT,
        settle=lambda: None if vault is None else locks.admit_known(place, vault),
        # When all end at once, the last asks leave of a cluster that is gone, for minutes.
        stop_seconds_max=20.0 if place.brokers == 1 else 5.0,
    )


def refuse_data_elsewhere(data: Path) -> None:
    """Refuse to begin an empty log while an earlier release has left ours under a misread name.

    `server.properties` was written in UTF-8 once, which Kafka read as Latin-1.
    """
    misread = os.fsencode(data).decode("latin-1")
    names = {misread, "".join(one if one.isascii() else "?" for one in misread)}
    for name in names - {str(data)}:
        if (Path(name) / "meta.properties").is_file():
            raise UserError(
                "kafka_data_elsewhere",
                f"Kafka's data lies in {name!r}, where an earlier release has put it.",
                f"Nothing was changed. Move that folder to {str(data)!r}, then run `chatlog up`.",
            )


def settings(
    folder: Path, port: int, voters: Sequence[int], node_id: int = 1
) -> dict[str, str | int]:
    """What differs from the broker's defaults; `voters` are all controller ports, by node id."""
    copies, own = len(voters), voters[node_id - 1]
    addresses = (f"{voter}@127.0.0.1:{at}" for voter, at in enumerate(voters, 1))
    return {
        "process.roles": "broker,controller",
        "node.id": node_id,
        "controller.quorum.voters": ",".join(addresses),
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{own}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": str(folder / "data"),
        "auto.create.topics.enable": "false",
        # One broker can replicate nothing; no number of them says anything about power loss.
        "default.replication.factor": copies,
        "min.insync.replicas": in_sync_min(copies),
        "unclean.leader.election.enable": "false",
        "offsets.topic.replication.factor": copies,
        "offsets.topic.num.partitions": 8,
        # A group that is away for as long as poison is kept still knows where it was.
        "offsets.retention.minutes": 28 * 24 * 60,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": in_sync_min(copies),
        "transaction.state.log.num.partitions": 4,
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": in_sync_min(copies),
        "share.coordinator.state.topic.num.partitions": 4,
        "group.initial.rebalance.delay.ms": 0,
        "group.consumer.heartbeat.interval.ms": 500,
        "group.consumer.min.heartbeat.interval.ms": 500,
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


def _format_storage(
    java: tuple[str, ...], configuration: Path, folder: Path, cluster_id: str
) -> None:
    """Write the cluster id into an empty data folder."""
    command = ["format", "--cluster-id", cluster_id, "--config", str(configuration)]
    log_file = folder / "format.log"
    with log_file.open("wb") as log:
        done = subprocess.run(
            [*java, "kafka.tools.StorageTool", *command],
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            env={**inherited_environment(), **JVM_ENVIRONMENT},
            timeout=_FORMAT_SECONDS_MAX,
            check=False,
        )
    if done.returncode != 0:
        raise UserError(
            "kafka_format_failed",
            f"Kafka could not format its storage: {' '.join(last_lines(log_file, 2))}",
            f"Nothing was changed. Read {log_file}; what it names has to be mended first.",
        )
