"""Where one instance of the stack lives, and with what its parts are made.

An instance is a folder: `ports.json`, `cluster.json`, `vault` when it is locked, a folder for each
part (data, configuration, log, pid file) and `environment`, which programs read. Deleting the
folder deletes the instance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.checkout import CHECKOUT, INSTANCE
from infra.stack.cluster import broker_names
from infra.stack.java import find_java
from infra.stack.ports import PortBook
from infra.stack.vault import Vault

JARS = CHECKOUT / ".chatlog" / "jars"
DEFAULT_FOLDER = INSTANCE

JVM_ENVIRONMENT = {"LC_ALL": "C.UTF-8"}
"""By its locale a JVM knows in which encoding its arguments and the names of files are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The folder of an instance, its ports, and what its parts are made with."""

    folder: Path
    jars: Path
    ports: PortBook
    environment: Mapping[str, str]
    """What every process inherits."""
    brokers: int = 1
    """Brokers of the instance."""
    vault: Vault | None = None
    """The secrets of an instance under lock."""
    quick: bool = False
    """Compile Java code at the first level only: starts in half the CPU time, runs slower after."""

    @property
    def bootstrap(self) -> str:
        """All brokers of the instance, as clients are told them."""
        ports = (self.ports.port(name) for name in broker_names(self.brokers))
        return ",".join(f"127.0.0.1:{port}" for port in ports)

    def part_folder(self, name: str) -> Path:
        """The folder of one part, made when missing."""
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def jvm(self, part_folder: Path, *flags: str) -> tuple[str, ...]:
        """Java with what our JVMs share: libraries unpack at home, a full memory ends them."""
        temporary = part_folder / "tmp"
        temporary.mkdir(exist_ok=True)
        return (
            str(find_java(self.environment)),
            "-XX:+ExitOnOutOfMemoryError",
            "-XX:-UsePerfData",
            "-Djava.awt.headless=true",
            f"-Djava.io.tmpdir={temporary}",
            f"-Djna.tmpdir={temporary}",
            *(("-XX:TieredStopAtLevel=1",) if self.quick else ()),
            *flags,
        )
