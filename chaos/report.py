"""What a run is told as: JSON for programs, Markdown with pictures for people."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from chaos import picture
from chaos.checker import Anomaly
from chaos.evidence_form import Evidence
from chaos.faults.base import Fault, Since
from chaos.history import Began, Ended, Line, Restarted, only
from chaos.plan import Plan
from chaos.timeline import Episode


class Felt(Struct, frozen=True, kw_only=True):
    """One step: how it was felt, beside its bar."""

    fault: str
    numbers: str
    sentence: str
    bar: str
    met: bool
    episode: Episode

    @property
    def verdict(self) -> str:
        """`met` or `missed`; nothing for a step that has no bar and became whole."""
        if self.met:
            return "met" if self.bar else ""
        return "missed"


class Outcome(Struct, frozen=True, kw_only=True):
    """Everything about a run."""

    seed: int
    brokers: int
    machine: str
    seconds: float
    sent: int
    accepted: int
    refused: int
    facts: int
    moves: int
    dead_letters: int
    restarts: int
    steps: list[Felt]
    anomalies: list[Anomaly]
    left_out: dict[str, str]
    command: str

    @property
    def safe(self) -> bool:
        """Whether nothing was lost, doubled, reordered or leaked."""
        return not self.anomalies

    @property
    def in_time(self) -> bool:
        """Whether every bar was met, and all became whole."""
        return all(step.met for step in self.steps)


def outcome(
    plan: Plan,
    episodes: Sequence[Episode],
    anomalies: Sequence[Anomaly],
    lines: Sequence[Line],
    evidence: Evidence,
    faults: Mapping[str, Fault],
) -> Outcome:
    """The outcome of a run."""
    return Outcome(
        seed=plan.seed,
        brokers=plan.brokers,
        machine=f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        seconds=round(lines[-1].at - lines[0].at, 1),
        sent=sum(1 for _ in only(lines, Began)),
        accepted=sum(bool(line.seq) for line in only(lines, Ended)),
        refused=sum(bool(line.code) for line in only(lines, Ended)),
        facts=len(evidence.facts),
        moves=len(evidence.moves),
        dead_letters=len(evidence.letters),
        restarts=sum(1 for _ in only(lines, Restarted)),
        steps=[
            _felt([faults[name] for name in step], episode)
            for step, episode in zip(plan.steps, episodes, strict=False)
        ],
        anomalies=list(anomalies),
        left_out=plan.left_out,
        command=plan.command,
    )


def _felt(step: Sequence[Fault], episode: Episode) -> Felt:
    """A step beside its bar. Two faults together are measured, and have none."""
    only_one = step[0] if len(step) == 1 else None
    bar, met = "", episode.whole_at is not None
    if only_one is not None and only_one.bar_seconds is not None:
        since_heal = only_one.since is Since.HEAL
        felt = episode.felt_after_heal_seconds if since_heal else episode.felt_seconds
        met = met and felt <= only_one.bar_seconds
        bar = f"{only_one.bar_seconds:g} s" + (" after heal" if since_heal else "")
    return Felt(
        fault=episode.fault,
        numbers=", ".join(dict.fromkeys(one.number for one in step)),
        sentence=" ".join(one.sentence for one in step),
        bar=bar,
        met=met,
        episode=episode,
    )


def write(told: Outcome, folder: Path) -> None:
    """Write `report.json`, `report.md` and a picture for each step into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_bytes(
        msgspec.json.format(msgspec.json.encode(told), indent=1) + b"\n"
    )
    names = [f"{number:02}-{step.fault.replace(' + ', '-and-')}.svg"
             for number, step in enumerate(told.steps, 1)]  # fmt: skip
    for name, step in zip(names, told.steps, strict=True):
        (folder / name).write_text(picture.svg(step.episode))
    (folder / "report.md").write_text(markdown(told, names))


def markdown(told: Outcome, pictures: Sequence[str]) -> str:
    """The report for people."""
    brokers = "one broker" if told.brokers == 1 else "three brokers"
    lines = [
        f"# Faults under load, {brokers}, seed {told.seed}",
        "",
        f"`{told.command}` on {told.machine}, load "
        f"and all servers on the same machine: {told.seconds:.0f} s, {told.sent:,} messages sent, "
        f"{told.accepted:,} accepted, {told.refused} refused, {told.facts:,} facts, "
        f"{told.moves:,} marker moves, {told.dead_letters} dead letters, {told.restarts} "
        "restarts by the supervisor.",
        "",
        _verdict(told),
        "",
        "*Felt*: from the fault until the arrival of the last message that was more than 1.5 s "
        "late. *Whole*: from the heal until nobody waits, every part runs and no group lags.",
        "",
        "| | fault | what | held s | felt s | after heal s | whole s | late | target | |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for step in told.steps:
        one = step.episode
        whole = one.whole_after_heal_seconds
        verdict = step.verdict if step.met else f"**{step.verdict}**"
        lines.append(
            f"| {step.numbers} | {step.fault} | {step.sentence} | "
            f"{one.healed_at - one.struck_at:.1f} | {one.felt_seconds:.1f} | "
            f"{one.felt_after_heal_seconds:.1f} | {'never' if whole is None else f'{whole:.1f}'} | "
            f"{one.late} of {one.sent} | {step.bar} | {verdict} |"
        )
    for name, why in told.left_out.items():
        lines.append(f"\nLeft out: {name}, because {why}.")
    lines += [
        "",
        "Sent (grey), accepted (blue) and shown (green) per second; red while the fault lasted.",
        "",
    ]
    lines += [f"![{name.removesuffix('.svg')}]({name})" for name in pictures]
    return "\n".join(lines) + "\n"


def _verdict(told: Outcome) -> str:
    if told.safe:
        return "Nothing was lost, duplicated, reordered or leaked; every read model equals the log."
    found = [f"- {one.name}: {one.sentence}" for one in told.anomalies[:50]]
    return "\n".join([f"**{len(told.anomalies)} anomalies:**", "", *found])
