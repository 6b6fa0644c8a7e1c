"""The stack of one folder: starts its parts, watches them, breaks them on purpose, ends them.

Every method may be called from any process at any time: what runs is read from pid files and
/proc, never remembered here. Starting what runs and stopping what does not are harmless.
How parts are started is in `starting`.
"""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from infra.access import OPERATOR
from infra.errors import UserError
from infra.files import OWNER_ONLY, write_whole
from infra.formats import env_file, require_path
from infra.settings import KafkaSettings, inherited_environment, load
from infra.stack import artifacts, cluster, groups, locks, nginx, process
from infra.stack.accounts import credentials, own_environment
from infra.stack.lock import one_at_a_time
from infra.stack.part import (
    PID_FILE_NAME,
    STOPPING_FILE_NAME,
    OnProgress,
    Part,
    PartStatus,
    State,
    last_lines,
)
from infra.stack.place import DEFAULT_FOLDER, JARS, Place
from infra.stack.ports import PortBook
from infra.stack.servers import addresses, server, server_names
from infra.stack.services import (
    Service,
    forget,
    part_of,
    saved_service,
    saved_services,
    service_names,
)
from infra.stack.starting import require_disk, start_side_by_side
from infra.stack.supervisor import book, life, orders
from infra.stack.supervisor.standing import with_standing
from infra.stack.vault import Vault


@dataclass(frozen=True, slots=True)
class _KafkaOnly:
    kafka: KafkaSettings


_STOP_SECONDS = 20.0
"""What a service is given to end that cannot be read."""

_WAITS_FOR_ANOTHER = PartStatus(
    name="instance",
    state=State.STARTING,
    detail="another command starts or ends its parts; this one goes on after it",
)

_MARKS = {"cluster.json", "ports.json"}
"""Files that every instance has."""

_LOCKS = {"lock", "ports.lock", "cluster.lock"}
"""What is in a folder that was only looked at."""


class Stack:
    """One Kafka broker or three, three further servers and our own services, in one folder.

    `brokers` and `secure` are needed at the first start only: for an instance with three brokers,
    and for one under lock.
    """

    def __init__(
        self,
        folder: Path = DEFAULT_FOLDER,
        *,
        jars: Path = JARS,
        quick: bool = False,
        brokers: int | None = None,
        secure: bool | None = None,
    ) -> None:
        self.folder = folder.resolve()
        self.ports = PortBook(self.folder / "ports.json")
        self.jars = jars
        self._quick = quick
        self._brokers_asked = brokers
        self._secure_asked = secure

    @property
    def brokers(self) -> int:
        """How many brokers the instance has; what was asked for while it never ran."""
        known = cluster.remembered(self.folder)
        return known.brokers if known else self._brokers_asked or 1

    @property
    def secure(self) -> bool:
        """Whether the instance is under lock; what was asked for while it never ran."""
        known = cluster.remembered(self.folder)
        return known.secure if known else bool(self._secure_asked)

    # The whole

    def start(
        self, on_progress: OnProgress = lambda status: None, *, supervised: bool = False
    ) -> None:
        """Start what does not run yet; returns when all servers answer.

        `supervised` leaves a process that starts again what dies, until `stop`.
        """
        require_path(self.folder, self.jars)
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._one_at_a_time(on_progress):
            require_disk(self.folder)
            cluster.decide(self.folder, self._brokers_asked, self._secure_asked)
            artifacts.ensure(self.jars)
            for name in self.names():
                process.wait_for_the_dying(self.pid_file(name))
            is_due = self._groups_are_due() and not self._a_service_runs()
            if not any(self._record(name) for name in self.names()):
                process.end_marked(str(self.folder))
                self.ports.renew_taken()
            for name in service_names(self.folder):
                if is_due:
                    # The supervisor is not to start it before the groups were looked at.
                    self.pid_file(name).unlink(missing_ok=True)
            if supervised:
                life.ensure(self.folder, self.jars, quick=self._quick)
            start_side_by_side(
                [self.part(name) for name in server_names(self.brokers)], on_progress
            )
            self.write_environment()
            if is_due:
                self._mend_groups(on_progress)

    def stop(self, on_progress: OnProgress = lambda status: None) -> None:
        """End every process of this folder, also what was half-started or left behind."""
        if not self.folder.exists():
            return
        life.end(self.folder)
        # A start that is under way elsewhere holds the lock, and gives up when its parts end.
        self._end_all(on_progress)
        with self._one_at_a_time(on_progress):
            life.end(self.folder)
            self._end_all(on_progress)
            process.end_marked(str(self.folder))
            for name in service_names(self.folder):
                forget(self.folder, name)

    def wipe(self) -> None:
        """Stop, and delete all data of the instance.

        Raises UserError for a folder that holds something else, and OSError when something stays.
        """
        if not self.folder.exists():
            return
        held = {entry.name for entry in self.folder.iterdir()}
        if held - _LOCKS and not held & _MARKS:
            raise UserError(
                "not_a_stack",
                f"{self.folder} holds something that is not a stack, and it would be deleted.",
                "Choose another folder.",
            )
        self.stop()
        for entry in self.folder.iterdir():
            if entry.name not in _MARKS:  # by which a half-deleted one is known
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        shutil.rmtree(self.folder)

    def broker_names(self) -> tuple[str, ...]:
        """The parts that are Kafka brokers, by node id."""
        return cluster.broker_names(self.brokers)

    def names(self) -> list[str]:
        """The servers and our services, in the order in which they start."""
        return [*server_names(self.brokers), *service_names(self.folder)]

    def status(self) -> list[PartStatus]:
        """What each part is doing now, by asking it."""
        if not self.ports.known():
            return [PartStatus(name=name, state=State.STOPPED) for name in self.names()]
        known = book.read(self.folder)
        with ThreadPoolExecutor(max_workers=8) as pool:
            found = list(pool.map(lambda name: self.part_status(name), self.names()))
        zero = time.time() - time.monotonic()
        statuses = [with_standing(status, known.get(status.name), zero) for status in found]
        return [*statuses, *life.status(self.folder)]

    def mend_groups(self, on_progress: OnProgress = lambda status: None) -> None:
        """After a lone broker was killed: give partitions of dead members back. Raises UserError.

        Only while none of our programs runs, whose members would be taken for dead: who starts
        them holds the same lock.
        """
        with self._one_at_a_time(on_progress):
            self._mend_groups(on_progress)

    def _mend_groups(self, on_progress: OnProgress) -> None:
        if self.brokers > 1 or self._a_service_runs():
            return
        (broker,) = self.broker_names()
        kafka = load(_KafkaOnly, self.environment()).kafka

        def restart() -> None:
            self.stop_part(broker, on_progress)
            self.start_part(broker, on_progress)

        def set_aside() -> None:
            self.stop_part(broker, on_progress)
            groups.set_aside_offsets(self.folder / broker)
            self.start_part(broker, on_progress)

        groups.mend(lambda: groups.settled(kafka), restart, set_aside)
        groups.note_done(self.folder / broker)

    # One part

    def pid_file(self, name: str) -> Path:
        """Where the record of a part's process is: from its start until somebody stops it."""
        return self.folder / name / PID_FILE_NAME

    def is_wanted(self, name: str) -> bool:
        """Whether a part was started, and nobody has stopped it since or is about to."""
        pid_file = self.pid_file(name)
        return not pid_file.with_name(STOPPING_FILE_NAME).exists() and pid_file.exists()

    def part_status(self, name: str) -> PartStatus:
        """What this part is doing now, and what is wrong with it."""
        record = process.read_record(self.pid_file(name))
        try:
            part = self.part(name)
        except UserError as error:
            return self._status_of_unknown(name, record, error.sentence.rstrip("."))
        if record is None:
            detail = orders.failure(self.folder / name)
            return PartStatus(name=name, state=State.STOPPED, port=part.port, detail=detail)
        if not process.is_alive(record):
            said = " | ".join(last_lines(part.log_file, 2)) or "(nothing)"
            detail = f"ended by itself or was killed; it said last: {said}"
            return PartStatus(name=name, state=State.DIED, port=part.port, detail=detail)
        seconds = process.seconds_alive(record)
        if process.is_paused(record):
            state, detail = State.PAUSED, "stopped by SIGSTOP"
        elif part.answers():
            state, detail = State.READY, ""
        elif complaint := part.complaint():
            state, detail = State.HALTED, complaint
        elif seconds < part.ready_seconds_max:
            state, detail = State.STARTING, "does not answer yet"
        else:
            state, detail = State.SILENT, "runs, but does not answer"
        return PartStatus(
            name=name,
            state=state,
            port=part.port,
            pid=record.pid,
            seconds=round(seconds, 1),
            resident_bytes=process.resident_bytes(record.pid),
            detail=detail,
        )

    def start_part(self, name: str, on_progress: OnProgress = lambda status: None) -> None:
        """Start one part and wait until it answers."""
        self.start_parts(name, on_progress=on_progress)

    def start_again(self, name: str) -> None:
        """Start a part that died, with the settings it was started with; wait until it answers."""
        self._start_parts([name], lambda status: None, again=True)

    def start_parts(self, *names: str, on_progress: OnProgress = lambda status: None) -> None:
        """Start some parts side by side and wait until all answer.

        Of three brokers, two must run before any answers.
        """
        self._start_parts(names, on_progress)

    def _start_parts(
        self, names: Iterable[str], on_progress: OnProgress, *, again: bool = False
    ) -> None:
        cluster.decide(self.folder, self._brokers_asked, self._secure_asked)
        self._groups_are_due()  # noted before a new process makes the end of the old one forgotten
        parts = [replace(self.part(name), needs=()) for name in names]
        start_side_by_side(parts, on_progress, again=again)

    def run(self, *services: Service, on_progress: OnProgress = lambda status: None) -> None:
        """Start services of ours as parts of this stack and wait until all are ready."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._one_at_a_time(on_progress):
            for service in services:
                service.save(self.folder)
            self.admit(*(service.principal for service in services if service.principal))
            self.write_environment()
            parts = [self.part(service.name) for service in services]
            start_side_by_side(parts, on_progress)

    def admit(self, *principals: str) -> None:
        """Under lock, let in whoever of these is new."""
        place = self._place()
        if place.vault is not None:
            new = set(principals) - place.vault.passwords().keys()
            if new:
                locks.admit(place, place.vault, new)

    def stop_part(self, name: str, on_progress: OnProgress = lambda status: None) -> None:
        """Ask one part to end, wait, and make it end if it does not."""
        pid_file = self.pid_file(name)
        record = process.read_record(pid_file)
        if record is None:
            return
        # Said before it ends, so that nobody takes it for one that died.
        stopping = pid_file.with_name(STOPPING_FILE_NAME)
        stopping.touch()
        was_alive = process.is_alive(record)
        ended_well = process.end(record, grace_seconds=self._stop_seconds(name))
        if self.broker_names() == (name,) and not (was_alive and ended_well):
            groups.note_due(self.folder / name)
        pid_file.unlink(missing_ok=True)
        stopping.unlink(missing_ok=True)
        on_progress(PartStatus(name=name, state=State.STOPPED))

    def kill(self, name: str) -> None:
        """SIGKILL the part and all it started, as a crash would; returns when it is gone."""
        process.end(self._living(name), grace_seconds=0)

    def pause(self, name: str) -> None:
        """SIGSTOP: the part keeps its sockets and answers nothing; returns when it stands still."""
        process.pause(self._living(name))

    def resume(self, name: str) -> None:
        """SIGCONT: the part goes on where it was."""
        process.send(self._living(name), signal.SIGCONT)

    def part(self, name: str) -> Part:
        """The description of one part. Raises UserError for a service that cannot be read."""
        service = saved_service(self.folder, name)
        if service is not None:
            return part_of(service, self.folder, self._environment_of(service))
        return server(self._place(), name)

    # What programs need to know

    def environment(self, principal: str = OPERATOR) -> dict[str, str]:
        """The settings by which programs find this stack; under lock, as this principal."""
        place = self._place()
        told = self._addresses(place)
        if place.vault is None:
            return told
        if principal == OPERATOR:
            return {**told, **credentials(place, place.vault, OPERATOR)}
        return own_environment(told, place, place.vault, principal)

    def _addresses(self, place: Place) -> dict[str, str]:
        services = saved_services(self.folder)
        gateways = [s for s in services if "CHAT_GATEWAY_ID" in s.environment]
        scheme = "ws" if place.vault is None else "wss"
        listed = ",".join(f"{scheme}://127.0.0.1:{s.port}/v1/ws" for s in gateways)
        urls = {"CHAT_GATEWAY_URLS": listed}
        for service in services:
            if service.name == nginx.NGINX:
                urls = nginx.address(self.folder, service)
        return {
            "CHAT_ENV_FILE": "",  # This is all: nothing of another instance is mixed in.
            **addresses(place),
            "CHAT_SCHEMA_IDS": str(self.folder / "schema-ids.json"),
            "CHAT_TOKEN_JWKS_FILE": str(self.folder / "keys" / "jwks.json"),
            "CHAT_TOKEN_SIGNING_KEY_FILE": str(self.folder / "keys" / "signing.pem"),
            **urls,
        }

    def write_environment(self) -> None:
        """Write `environment` into the folder as KEY=VALUE lines."""
        told = {
            name: value for name, value in self.environment().items() if name != "CHAT_ENV_FILE"
        }
        write_whole(self.folder / "environment", env_file(told), OWNER_ONLY)

    # Inside

    def _groups_are_due(self) -> bool:
        """Whether a lone broker has ever ended uncleanly and its groups were not mended since."""
        if self.brokers > 1:
            return False
        (broker,) = self.broker_names()
        record = process.read_record(self.pid_file(broker))
        was_killed = record is not None and not process.is_alive(record)
        if was_killed:
            groups.note_due(self.folder / broker)
        return was_killed or groups.are_due(self.folder / broker)

    def _a_service_runs(self) -> bool:
        return any(self._record(name) for name in service_names(self.folder))

    def _status_of_unknown(
        self, name: str, record: process.ProcessRecord | None, why: str
    ) -> PartStatus:
        """Of a service that cannot be read, all that its process tells."""
        if record is None:
            return PartStatus(name=name, state=State.STOPPED, detail=why)
        if not process.is_alive(record):
            return PartStatus(name=name, state=State.DIED, detail=f"ended; {why}")
        return PartStatus(name=name, state=State.SILENT, pid=record.pid, detail=why)

    def _stop_seconds(self, name: str) -> float:
        try:
            return self.part(name).stop_seconds_max
        except UserError:  # it cannot be read, and can be ended all the same
            return _STOP_SECONDS

    def _environment_of(self, service: Service) -> dict[str, str]:
        """What a service is told: under lock, its own secrets and nobody else's."""
        if self.secure and not service.principal:
            raise UserError(
                "roles_together",
                f"{service.name} has no name of its own, which it needs in secured mode.",
                "Give each role a process of its own: who shares a process shares its secrets.",
            )
        return self.environment(service.principal)

    def _place(self) -> Place:
        return Place(
            folder=self.folder,
            jars=self.jars,
            ports=self.ports,
            environment=inherited_environment(),
            brokers=self.brokers,
            vault=Vault(self.folder) if self.secure else None,
            quick=self._quick,
        )

    def _end_all(self, on_progress: OnProgress) -> None:
        """Clients before servers, so that nothing waits for one that is gone."""
        services = service_names(self.folder)
        for group in (services, ["registry"], [*self.broker_names(), "cassandra", "redis"]):
            with ThreadPoolExecutor(max_workers=8) as pool:
                list(pool.map(lambda name: self.stop_part(name, on_progress), group))

    def _record(self, name: str) -> process.ProcessRecord | None:
        """The living process of a part."""
        record = process.read_record(self.pid_file(name))
        return record if record is not None and process.is_alive(record) else None

    def _living(self, name: str) -> process.ProcessRecord:
        record = self._record(name)
        if record is None:
            raise UserError(
                "part_not_running", f"{name} does not run.", "Start it first: `chatlog up`."
            )
        return record

    def _one_at_a_time(self, on_progress: OnProgress) -> AbstractContextManager[None]:
        """The lock of who starts, ends or mends; who has to wait for it says so."""
        return one_at_a_time(self.folder / "lock", lambda: on_progress(_WAITS_FOR_ANOTHER))
