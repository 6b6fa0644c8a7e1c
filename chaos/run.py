"""Plays a plan in a lab and checks what came of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec

from chaos import checker, evidence, history, timeline
from chaos.evidence_form import Evidence
from chaos.faults import catalogue
from chaos.faults.base import Fault
from chaos.history import Healed, Struck, Whole
from chaos.lab import Lab, Shape, lab
from chaos.plan import Plan, Step
from chaos.report import Outcome, outcome
from infra.errors import UserError
from infra.stack.part import OnProgress

RATES_PER_SECOND = {1: 40.0, 3: 15.0}
"""Of messages, by the number of brokers: about a third of what two cores do."""

WARM_UP_SECONDS = 8.0
WARM_UP_SECONDS_MAX = 60.0
CALM_SECONDS = 1.5
WHOLE_SECONDS_MAX = 240.0
SETTLE_SECONDS_MAX = 60.0

HISTORY, EVIDENCE, PLAN = "history.jsonl", "evidence.json", "plan.json"

Say = Callable[[str], None]


async def run(shape: Shape, plan: Plan, report: OnProgress, say: Say) -> Outcome:
    """Play the plan on a stack of its own; the files of the run are left in its folder."""
    faults = catalogue()
    async with lab(shape, plan.seed, report) as here:
        unsettled = await _play(here, plan, faults, say)
        say("the load has ended, everything is read")
        found = await evidence.gather(here, unsettled)
        here.recorder.close()
    (shape.folder / EVIDENCE).write_bytes(msgspec.json.encode(found))
    (shape.folder / PLAN).write_bytes(msgspec.json.encode(plan))
    return recheck(shape.folder)


def recheck(folder: Path) -> Outcome:
    """Check the files of a run (again). Raises OSError and msgspec.DecodeError."""
    lines = history.read(folder / HISTORY)
    found = msgspec.json.decode((folder / EVIDENCE).read_bytes(), type=Evidence)
    plan = msgspec.json.decode((folder / PLAN).read_bytes(), type=Plan)
    return outcome(
        plan, timeline.episodes(lines), checker.check(lines, found), lines, found, catalogue()
    )


async def _play(here: Lab, plan: Plan, faults: dict[str, Fault], say: Say) -> list[int]:
    """Everything between the first message and the last; what was not settled."""
    stop = asyncio.Event()
    writing = asyncio.create_task(here.crowd.write(RATES_PER_SECOND[plan.brokers], stop))
    try:
        await asyncio.sleep(WARM_UP_SECONDS)
        await here.until_whole(WARM_UP_SECONDS_MAX)
        for number, step in enumerate(plan.steps, 1):
            said = f"{number}/{len(plan.steps)} {' + '.join(step)}"
            began = time.monotonic()
            whole = await _strike(here, step, faults)
            how = "whole" if whole else "NOT WHOLE"
            say(f"{said}: {how} after {time.monotonic() - began:.1f} s")
            await asyncio.sleep(CALM_SECONDS)
            if writing.done():
                break
    finally:
        stop.set()
        await writing
    return await here.crowd.settle(SETTLE_SECONDS_MAX)


async def _strike(here: Lab, step: Step, faults: dict[str, Fault]) -> bool:
    """One step from its strike until all is whole again, and whether that came in time."""
    await here.spread()
    recorder, name = here.recorder, " + ".join(step)
    recorder.add(Struck(recorder.now(), name))
    try:
        async with AsyncExitStack() as struck:
            for one in step:
                await struck.enter_async_context(faults[one].strike(here))
            await asyncio.sleep(max(faults[one].hold_seconds for one in step))
        healed = True
    except UserError as error:
        here.say(f"{name} was not healed: {error.sentence}")
        here.supervisor.release_all()  # which is then the way back
        healed = False
    recorder.add(Healed(recorder.now(), name))
    whole = await here.until_whole(WHOLE_SECONDS_MAX) and healed
    recorder.add(Whole(recorder.now(), name, whole))
    return whole
