"""`chatlog up`, `down`, `status` and `doctor`: the local stack, for people and for scripts."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from rich.console import Console

from cli.artifacts import fetch
from cli.progress import Report, progress
from infra import catalogues, registry
from infra.errors import UserError
from infra.settings import load
from infra.stack import artifacts, services
from infra.stack import nginx as balancer
from infra.stack.doctor import examine
from infra.stack.part import PartStatus, State
from infra.stack.place import DEFAULT_FOLDER
from infra.stack.stack import Stack

GATEWAYS = ("gateway-1", "gateway-2")
WORKERS = "worker"

Folder = Annotated[Path, Parameter(help="Folder of the instance.")]
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
            negative="", help="Under lock, for ever: TLS and passwords everywhere, least rights."
        ),
    ] = None,
    folder: Folder = DEFAULT_FOLDER,
) -> None:
    """Start Kafka, the registry, Cassandra and Redis, apply the catalogues, start our services.

    Harmless to repeat: what runs stays, what died is started again.
    """
    began = time.monotonic()
    registry.check_lock()
    stack = Stack(folder, brokers=brokers, secure=secure)
    if nginx and stack.secure:
        raise UserError(
            "nginx_unlocked",
            "nginx speaks plain text to gateways, which end TLS themselves under lock.",
            "Give one of --nginx and --secure.",
        )
    if not artifacts.is_complete(stack.jars):
        fetch()
    with progress() as report:
        stack.start(report)
        _apply_catalogues(stack, report)
        if not only_stack:
            stack.run(*_services(stack, nginx=nginx), on_progress=report)
    if stack.folder == DEFAULT_FOLDER:
        _make_default(stack)
    print(f"Everything is ready after {time.monotonic() - began:.1f} s.")
    print(f"Settings for programs: {stack.folder / 'environment'}")
    if not only_stack:
        print("To chat, in two terminals: `chatlog chat ann` and `chatlog chat bob`.")


def down(
    *,
    wipe: Annotated[bool, Parameter(negative="", help="Delete all its data too.")] = False,
    folder: Folder = DEFAULT_FOLDER,
) -> None:
    """End every process of the stack, also what was half-started; data stays."""
    stack = Stack(folder)
    with progress() as report:
        stack.stop(report)
    if wipe:
        stack.wipe()
    print("Nothing of it runs any more." + (" Its data is deleted." if wipe else ""))


def status(*, as_json: AsJson = False, folder: Folder = DEFAULT_FOLDER) -> int:
    """Say how each part is; the exit status is 0 when all are ready."""
    stack = Stack(folder)
    statuses = stack.status()
    ok = all(status.state == State.READY for status in statuses)
    if as_json:
        parts = [status.as_json() for status in statuses]
        print(json.dumps({"ok": ok, "folder": str(stack.folder), "parts": parts}, indent=2))
        return 0 if ok else 1
    with progress() as report:
        for status in statuses:
            report(status)
    for status in statuses:
        if status.remedy:
            print(f"{status.sentence} To do: {status.remedy}.")
    return 0 if ok else 1


def doctor(*, as_json: AsJson = False, folder: Folder = DEFAULT_FOLDER) -> int:
    """Say what is wrong with this machine and the stack, and what to do about it."""
    findings = examine(Stack(folder))
    ok = all(finding.ok for finding in findings)
    if as_json:
        listed = [finding.as_json() for finding in findings]
        print(json.dumps({"ok": ok, "findings": listed}, indent=2))
        return 0 if ok else 1
    console = Console(highlight=False, soft_wrap=True)
    for finding in findings:
        mark = "[green]ok   [/]" if finding.ok else "[red]wrong[/]"
        console.print(mark, end=" ")
        console.print(f"{finding.sentence} {finding.remedy}".strip(), markup=False)
    return 0 if ok else 1


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
    partial = link.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    partial.symlink_to((stack.folder / "environment").relative_to(link.parent))
    partial.replace(link)
