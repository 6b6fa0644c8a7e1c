"""Our own programs as parts: gateways and workers.

A `Service` is a value that can be written down, so any later command can say how it is, kill it
and start it again. It is ready when its health port answers 200 to `/readyz`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from events.topics import GROUPS
from infra.access import edge_principal
from infra.errors import UserError
from infra.files import write_whole
from infra.stack import kept
from infra.stack.part import Part
from infra.stack.ports import PortBook
from infra.stack.probes import http_answers, http_said

FILE_NAME = "service.json"

FRONT = ("admission", "fanout", "sessions")
"""The roles that people wait for."""

BACK = tuple(role for role in GROUPS if role not in FRONT)
"""The roles that write and read stores."""

_BACK_NICENESS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One program of ours, as it is to be started."""

    name: str
    argv: tuple[str, ...]
    port: int
    """The port people connect to; of a worker, the health port."""
    ready_url: str
    environment: Mapping[str, str] = field(default_factory=dict)
    """Added to the environment of the stack."""
    principal: str = ""
    """Who it is under lock; empty for what has no rights."""
    niceness: int = 0
    ready_seconds_max: float = 180.0
    stop_seconds_max: float = 20.0

    def save(self, folder: Path) -> None:
        """Write it into its own folder of the instance."""
        part_folder = folder / self.name
        part_folder.mkdir(parents=True, exist_ok=True)
        write_whole(part_folder / FILE_NAME, json.dumps(asdict(self), indent=2) + "\n")

    def forget(self, folder: Path) -> None:
        """It is no part of the instance any more; its log stays."""
        forget(folder, self.name)


def forget(folder: Path, name: str) -> None:
    """A service is no part of the instance any more; its log stays."""
    (folder / name / FILE_NAME).unlink(missing_ok=True)


def service_names(folder: Path) -> list[str]:
    """The name of every service of the instance, also of one that cannot be read."""
    return sorted(file.parent.name for file in folder.glob(f"*/{FILE_NAME}"))


def saved_service(folder: Path, name: str) -> Service | None:
    """The service of that name, if there is one. Raises UserError for one that is damaged."""
    file = folder / name / FILE_NAME
    try:
        service = kept.read(Service, file)
        if service.name != name:
            raise ValueError(f"it is of {service.name}")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        why = str(error.strerror) if isinstance(error, OSError) else kept.why_damaged(error)
        raise UserError(
            "service_damaged",
            f"{file} cannot be read ({why}): it is damaged or of another release.",
            f"`chatlog up` writes those of its own again; else delete {file}.",
        ) from error
    return service


def saved_services(folder: Path) -> list[Service]:
    """Every service of the instance that can be read, by name."""
    services = []
    for name in service_names(folder):
        with suppress(UserError):
            services.append(saved_service(folder, name))
    return [service for service in services if service is not None]


def part_of(service: Service, folder: Path, environment: Mapping[str, str]) -> Part:
    """The service as a part of the instance in the folder."""
    part_folder = folder / service.name
    return Part(
        name=service.name,
        command=lambda: service.argv,
        folder=part_folder,
        log_file=part_folder / "service.log",
        port=service.port,
        answers=lambda: http_answers(service.ready_url),
        complaint=lambda: _complaint(http_said(service.ready_url)),
        environment={**environment, **service.environment},
        niceness=service.niceness,
        ready_seconds_max=service.ready_seconds_max,
        stop_seconds_max=service.stop_seconds_max,
    )


def _complaint(said: bytes) -> str:
    """What the roles of a worker that have stopped say; nothing when none has."""
    try:
        roles = json.loads(said)["roles"].items()
        stopped = {role: str(told["stopped"]) for role, told in roles if told["stopped"]}
    except (ValueError, TypeError, KeyError, AttributeError):
        return ""  # no worker
    return "; ".join(f"{role} has stopped: {why.rstrip('.')}" for role, why in stopped.items())


def gateway(ports: PortBook, name: str, environment: Mapping[str, str] | None = None) -> Service:
    """A gateway on ports of its own; its name is its gateway id."""
    port, health_port = ports.port(name), ports.port(f"{name}.health")
    return Service(
        name=name,
        argv=(sys.executable, "-m", "edge"),
        port=port,
        ready_url=f"http://127.0.0.1:{health_port}/readyz",
        principal=edge_principal(name),
        environment={
            "CHAT_GATEWAY_ID": name,
            "CHAT_EDGE_PORT": str(port),
            "CHAT_EDGE_HEALTH_PORT": str(health_port),
            **(environment or {}),
        },
    )


def worker(
    ports: PortBook,
    name: str,
    roles: Sequence[str] = GROUPS,
    environment: Mapping[str, str] | None = None,
) -> Service:
    """One worker process that hosts the roles."""
    health_port = ports.port(f"{name}.health")
    return Service(
        name=name,
        argv=(sys.executable, "-m", "processors", *roles),
        port=health_port,
        ready_url=f"http://127.0.0.1:{health_port}/readyz",
        environment={"CHAT_WORKER_HEALTH_PORT": str(health_port), **(environment or {})},
        principal=roles[0] if len(roles) == 1 else "",
        niceness=0 if set(roles) & set(FRONT) else _BACK_NICENESS,
    )


def workers(ports: PortBook, prefix: str, *, apart: bool = False) -> tuple[Service, ...]:
    """All roles in two processes: what people wait for does not wait for rows to be written.

    Under lock they are `apart`, each in a process of its own, since who shares a process shares
    its secrets.
    """
    if apart:
        return tuple(worker(ports, f"{prefix}-{role}", (role,)) for role in GROUPS)
    return (
        worker(ports, f"{prefix}-front", FRONT),
        worker(ports, f"{prefix}-back", BACK),
    )
