"""Workers that die at a chosen step, raise, or are slow: see `chaos.sabotage`."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from dataclasses import replace

from chaos.faults.base import Since, fault
from chaos.lab import BACKS, FRONTS, Lab
from chaos.sabotage import SPENT_FILE_NAME, STEPS

_SERVED_SECONDS = 8.0


async def _sabotaged(lab: Lab, name: str, mistake: str) -> AsyncIterator[None]:
    """A worker makes a mistake until it is healed; a supervisor starts it again each time."""
    honest = lab.service(name)
    (lab.stack.folder / name / SPENT_FILE_NAME).unlink(missing_ok=True)
    roles = honest.argv[3:]
    bad = replace(honest, argv=(sys.executable, "-m", "chaos.sabotage", mistake, *roles))
    lab.say(f"{name} now makes a mistake: {mistake}")
    await lab.stop(name)
    bad.save(lab.stack.folder)
    lab.supervisor.release(name)  # which starts it, as often as it takes
    yield
    await lab.change(honest)


@fault("F11", hold_seconds=12.0, bar_seconds=_SERVED_SECONDS, since=Since.HEAL)
async def worker_dies_at_a_step(lab: Lab) -> AsyncIterator[None]:
    """A worker dies at a step of a batch: before or after its effect, or its commit."""
    step = lab.random.choice(STEPS)
    name = lab.random.choice((*FRONTS, *BACKS))
    async for _ in _sabotaged(lab, name, f"die-{step}"):
        yield


@fault("F14", hold_seconds=10.0)
async def handler_raises_once(lab: Lab) -> AsyncIterator[None]:
    """A handler raises once; its process ends, and the batch is done again."""
    async for _ in _sabotaged(lab, lab.random.choice((*FRONTS, *BACKS)), "raise-once"):
        yield


@fault("F14", hold_seconds=12.0)
async def handler_always_raises(lab: Lab) -> AsyncIterator[None]:
    """A bad release raises at every batch; nothing is skipped, and the next release catches up."""
    async for _ in _sabotaged(lab, lab.random.choice((*FRONTS, *BACKS)), "raise-always"):
        yield


@fault("F14", hold_seconds=10.0)
async def assignment_raises(lab: Lab) -> AsyncIterator[None]:
    """A worker raises whenever it is given partitions."""
    async for _ in _sabotaged(lab, lab.random.choice(FRONTS), "raise-assigned"):
        yield


@fault("F15", hold_seconds=12.0)
async def handler_is_slow(lab: Lab) -> AsyncIterator[None]:
    """A handler takes eight seconds for a batch, longer than the group's session."""
    async for _ in _sabotaged(lab, lab.random.choice((*FRONTS, *BACKS)), "slow-once"):
        yield
