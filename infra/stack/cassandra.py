"""Cassandra 5.0 as a single quick-starting node.

One node has nobody to gossip with, so every wait for the ring is turned off. The heap is 1 GB;
memtables stay on it.
"""

from __future__ import annotations

from pathlib import Path

from infra.files import write_whole
from infra.formats import file_url, yaml
from infra.stack import roles
from infra.stack.part import Part
from infra.stack.place import JVM_ENVIRONMENT, Place
from infra.stack.probes import cassandra_answers
from infra.stack.vault import Vault, certified

DATACENTER = "datacenter1"

_EXPORTS = (
    "java.base/jdk.internal.misc",
    "java.base/jdk.internal.ref",
    "java.base/sun.nio.ch",
    "java.management.rmi/com.sun.jmx.remote.internal.rmi",
    "java.rmi/sun.rmi.registry",
    "java.rmi/sun.rmi.server",
    "java.sql/java.sql",
)
_OPENS = (
    "java.base/java.io",
    "java.base/java.lang",
    "java.base/java.lang.module",
    "java.base/java.lang.reflect",
    "java.base/java.nio",
    "java.base/java.util",
    "java.base/java.util.concurrent",
    "java.base/jdk.internal.loader",
    "java.base/jdk.internal.math",
    "java.base/jdk.internal.module",
    "java.base/jdk.internal.ref",
    "java.base/jdk.internal.reflect",
    "java.base/jdk.internal.util.jar",
    "java.base/sun.nio.ch",
    "jdk.management/com.sun.management.internal",
)
_SYSTEM_PROPERTIES = {
    "cassandra.ring_delay_ms": 100,
    "cassandra.skip_wait_for_gossip_to_settle": 0,
    "cassandra.superuser_setup_delay_ms": 0,
    "cassandra.shutdown_announce_in_ms": 0,
    "jdk.attach.allowAttachSelf": "true",
    "file.encoding": "UTF-8",
}
_LOGBACK = """\
<configuration>
  <appender name="out" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%date{ISO8601} %level %msg %logger{0}%n</pattern></encoder>
  </appender>
  <logger name="com.thinkaurelius.thrift" level="ERROR"/>
  <root level="WARN"><appender-ref ref="out"/></root>
</configuration>
"""


def cassandra(place: Place) -> Part:
    """The node on its remembered ports."""
    folder = place.part_folder("cassandra")
    port, storage_port = place.ports.port("cassandra"), place.ports.port("cassandra.storage")
    jars = place.jars / "cassandra"
    vault = place.vault
    tls = None if vault is None else certified(vault, "cassandra")

    def prepare() -> None:
        settings = _settings(folder, port, storage_port)
        if vault is not None:
            settings |= _locked(vault)
        write_whole(folder / "cassandra.yaml", yaml(settings))
        write_whole(folder / "logback.xml", _LOGBACK)

    def command() -> tuple[str, ...]:
        return (
            *place.jvm(folder, *_flags(folder, jars)),
            "-cp",
            f"{jars}/*",
            "org.apache.cassandra.service.CassandraDaemon",
        )

    return Part(
        name="cassandra",
        command=command,
        folder=folder,
        log_file=folder / "server.log",
        port=port,
        answers=lambda: cassandra_answers(port, tls),
        environment=JVM_ENVIRONMENT,
        prepare=prepare,
        settle=lambda: None if vault is None else roles.settle(vault, port, DATACENTER),
        # Nobody waits for a row to be written.
        niceness=5,
        stop_seconds_max=30.0,
    )


def _flags(folder: Path, jars: Path) -> tuple[str, ...]:
    return (
        "-Xms512m",
        "-Xmx1g",
        "-XX:+UseParallelGC",
        "-XX:TieredStopAtLevel=1",
        "-XX:MaxDirectMemorySize=256m",
        "-Xss256k",
        *(word for package in _EXPORTS for word in ("--add-exports", f"{package}=ALL-UNNAMED")),
        *(word for package in _OPENS for word in ("--add-opens", f"{package}=ALL-UNNAMED")),
        *(f"-D{name}={value}" for name, value in _SYSTEM_PROPERTIES.items()),
        f"-Dcassandra.config={file_url(folder / 'cassandra.yaml')}",
        f"-Dcassandra.storagedir={folder}/data",
        f"-Dcassandra.logdir={folder}",
        f"-Dlogback.configurationFile={file_url(folder / 'logback.xml')}",
        f"-javaagent:{jars}/jamm-0.4.0.jar",
    )


def _locked(vault: Vault) -> dict[str, object]:
    """TLS only, to clients and to other nodes; roles and what they may do are in its tables."""
    files = {
        "ssl_context_factory": {
            "class_name": "org.apache.cassandra.security.PEMBasedSslContextFactory"
        },
        "keystore": str(vault.certificate("cassandra")),
        "truststore": str(vault.ca_file),
        "accepted_protocols": ["TLSv1.2", "TLSv1.3"],
    }
    return {
        "authenticator": "PasswordAuthenticator",
        "authorizer": "CassandraAuthorizer",
        "role_manager": "CassandraRoleManager",
        "client_encryption_options": {"enabled": True, "optional": False, **files},
        "server_encryption_options": {
            "internode_encryption": "all",
            "require_client_auth": True,
            **files,
        },
    }


def _settings(folder: Path, port: int, storage_port: int) -> dict[str, object]:
    data = folder / "data"
    return {
        "cluster_name": "chatlog",
        "num_tokens": 1,
        "partitioner": "org.apache.cassandra.dht.Murmur3Partitioner",
        "endpoint_snitch": "SimpleSnitch",
        "seed_provider": [
            {
                "class_name": "org.apache.cassandra.locator.SimpleSeedProvider",
                "parameters": [{"seeds": f"127.0.0.1:{storage_port}"}],
            }
        ],
        "listen_address": "127.0.0.1",
        "storage_port": storage_port,
        "rpc_address": "127.0.0.1",
        "native_transport_port": port,
        "data_file_directories": [str(data / "data")],
        "commitlog_directory": str(data / "commitlog"),
        "saved_caches_directory": str(data / "saved_caches"),
        "hints_directory": str(data / "hints"),
        "cdc_raw_directory": str(data / "cdc"),
        # With the default, `periodic`, a killed node forgets what it acknowledged since its last
        # sync, while Kafka's offsets have moved on: rows would be missing for ever.
        "commitlog_sync": "group",
        "commitlog_sync_group_window": "10ms",
        "memtable_allocation_type": "heap_buffers",
        "concurrent_reads": 4,
        "concurrent_writes": 32,
        "auto_snapshot": False,
        "batch_size_warn_threshold": "64KiB",
        "batch_size_fail_threshold": "512KiB",
        # Ours hold rows of one replica; a warning for each would cost as much as the rows.
        "unlogged_batch_across_partitions_warn_threshold": 1_000,
    }
