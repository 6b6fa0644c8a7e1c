"""`chatlog up`, `down`, `status` and `doctor`: the local stack, for people and for scripts."""

from __future__ import annotations

import json
import os
import shlex
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from cli import table, terminal
from cli.artifacts import fetch
from cli.itself import command, spoken
from cli.progress import HEAD, Report, cells_of, progress
from events.text import on_one_line
from infra import arguments, catalogues, registry
from infra.errors import UserError
from infra.exits import Exit
from infra.files import link_whole
from infra.settings import ENV_FILE_NAME, inherited_environment, load
from infra.stack import artifacts, services
from infra.stack import nginx as balancer
from infra.stack.doctor import examine
from infra.stack.part import PartStatus, State
from infra.stack.place import DEFAULT_FOLDER
from infra.stack.stack import Stack

GATEWAYS = ("gateway-1", "gateway-2")
WORKERS = "worker"

Folder = Annotated[
    arguments.Folder | None,
    Parameter(help="Folder of the instance; when not given: of the settings, or the checkout's."),
]
AsJson = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON.")]


def up(
    *,
    only_stack: Annotated[
        bool, Parameter(negative="", help="Do not start gateways and workers.")
    ] = False,
    brokers: Annotated[
        Literal[1, 3] | None,
        Parameter(help="Kafka brokers, for ever. When not given: as they were, or one."),
    ] = None,
    nginx: Annotated[
        bool, Parameter(negative="", help="nginx before the gateways: one address, TLS.")
    ] = False,
    secure: Annotated[
        bool | None,
        Parameter(
            negative="", help="Secured mode, for ever: TLS and passwords everywhere, least rights."
        ),
    ] = None,
    folder: Folder = None,
) -> None:
    """Start Kafka, the registry, Cassandra and Redis, apply the catalogues, start our programs.

    Harmless to repeat: what runs stays, what died is started again. A supervisor stays too, which
    does the same from then on until `chatlog down`.
    """
    began = time.monotonic()
    registry.check_lock()
    stack = Stack(instance(folder), brokers=brokers, secure=secure)
    if nginx and stack.secure:
        raise UserError(
            "nginx_unlocked",
            "nginx speaks plain text to gateways, which end TLS themselves in secured mode.",
            "Give one of --nginx and --secure.",
            exit_status=Exit.USAGE,
        )
    if not artifacts.is_complete(stack.jars):
        fetch()
    with progress() as report:
        stack.start(report, supervised=True)
        _apply_catalogues(stack, report)
        if not only_stack:
            stack.run(*_services(stack, nginx=nginx), on_progress=report)
    if stack.folder == DEFAULT_FOLDER:
        _make_default(stack)
    print(f"Everything is ready after {time.monotonic() - began:.1f} s.")
    print(f"Settings for programs: {stack.folder / 'environment'}")
    if not only_stack:
        print(f"To chat, in two terminals: {_chat(stack, 'ann')} and {_chat(stack, 'bob')}.")


def down(
    *,
    wipe: Annotated[bool, Parameter(negative="", help="Delete all its data too.")] = False,
    folder: Folder = None,
) -> None:
    """Stop every process of the stack, including half-started ones; data stays."""
    stack = Stack(instance(folder))
    with progress() as report:
        stack.stop(report)
    if wipe:
        stack.wipe()
    print("Nothing of it runs any more." + (" Its data is deleted." if wipe else ""))


def status(*, as_json: AsJson = False, folder: Folder = None) -> int:
    """Show the state of each part; the exit status is 0 when all are ready."""
    stack = Stack(instance(folder))
    statuses = stack.status()
    ok = all(status.state == State.READY for status in statuses)
    if as_json:
        parts = [status.as_json() for status in statuses]
        print(json.dumps({"ok": ok, "folder": str(stack.folder), "parts": parts}, indent=2))
        return 0 if ok else 1
    rows = [cells_of(status) for status in statuses]
    table.show(terminal.console(), HEAD, rows, right={2, 3})
    for said in _wrong(statuses):
        print(on_one_line(spoken(said)))
    return 0 if ok else 1


def doctor(*, as_json: AsJson = False, folder: Folder = None) -> int:
    """Say what is wrong with this machine and the stack, and what to do about it."""
    findings = examine(Stack(instance(folder)))
    ok = all(finding.ok for finding in findings)
    if as_json:
        listed = [finding.as_json() for finding in findings]
        print(json.dumps({"ok": ok, "findings": listed}, indent=2))
        return 0 if ok else 1
    console = terminal.console(soft_wrap=True)
    for finding in findings:
        mark = "[green]ok   [/]" if finding.ok else "[red]wrong[/]"
        if finding.is_warning:
            mark = "[yellow]warns[/]"
        console.print(mark, end=" ")
        said = spoken(f"{finding.sentence} {finding.remedy}".strip())
        console.print(on_one_line(said), markup=False)
    return 0 if ok else 1


def _wrong(statuses: list[PartStatus]) -> Iterator[str]:
    """What is wrong and what to do, said once: all that is stopped is one sentence."""
    stopped = [status for status in statuses if status.state == State.STOPPED]
    if stopped:
        names = ", ".join(status.name for status in stopped)
        verb = "is" if len(stopped) == 1 else "are"
        yield f"{names} {verb} stopped. To do: {stopped[0].remedy}."
    for status in statuses:
        if status.remedy and status.state != State.STOPPED:
            yield f"{status.sentence} To do: {status.remedy}."


def instance(folder: Path | None) -> Path:
    """The folder of the instance that is meant: the one said, that of the settings, the usual."""
    if folder is not None:
        return folder
    if not (file := inherited_environment().get(ENV_FILE_NAME)):
        return DEFAULT_FOLDER
    named = Path(file).resolve().parent
    return named if (named / "ports.json").is_file() else DEFAULT_FOLDER


def _chat(stack: Stack, user: str) -> str:
    """What to type to chat on this instance."""
    typed = f"{command()} chat {user}"
    if stack.folder == DEFAULT_FOLDER:
        return f"`{typed}`"
    return f"`{ENV_FILE_NAME}={shlex.quote(str(stack.folder / 'environment'))} {typed}`"


def _services(stack: Stack, *, nginx: bool) -> list[services.Service]:
    """Our own programs, and what stands before them."""
    trusted = {"CHAT_EDGE_TRUSTED_PROXIES": balancer.PROXIES} if nginx else {}
    gateways = [services.gateway(stack.ports, name, trusted) for name in GATEWAYS]
    before = balancer.balanced(stack.folder, stack.ports, gateways) if nginx else ()
    return [*gateways, *before, *services.workers(stack.ports, WORKERS, apart=stack.secure)]


def _apply_catalogues(stack: Stack, report: Report) -> None:
    began = time.monotonic()

    def tell(state: State, detail: str = "") -> None:
        seconds = round(time.monotonic() - began, 1)
        report(PartStatus(name="catalogues", state=state, seconds=seconds, detail=detail))

    tell(State.STARTING)
    applied = catalogues.apply(load(catalogues.CatalogueSettings, stack.environment()))
    topics = len(applied.topics.created) + len(applied.topics.changed)
    schemas = len(applied.schemas.registered)
    tell(State.READY, f"{topics} topics and {schemas} schemas were new or changed")


def _make_default(stack: Stack) -> None:
    """Let programs that run in the checkout find this instance without being told."""
    link = stack.folder.parent / "environment"
    link_whole(link, os.fsencode((stack.folder / "environment").relative_to(link.parent)))
