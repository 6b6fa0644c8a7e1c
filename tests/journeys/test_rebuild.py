"""All rows are deleted and written again from the log, while people go on chatting."""

import asyncio

import pytest

from infra.errors import UserError
from infra.settings import load
from infra.stack.stack import Stack
from replay.models import MODELS
from replay.rebuild import GROUPS, RebuildSettings, rebuild
from replay.verify import Settings, verify
from tests.journeys.traffic import Rows, Traffic

WRITERS = tuple(f"worker-{group}" for group in GROUPS)


async def test_every_row_comes_again_from_the_log(
    system: Stack, traffic: Traffic, rows: Rows
) -> None:
    environment = system.environment()
    stop = asyncio.Event()
    sending = asyncio.create_task(traffic.send(50, stop))
    await asyncio.sleep(2)

    with pytest.raises(UserError) as refused:
        await asyncio.to_thread(rebuild, load(RebuildSettings, environment), sure=True)
    assert refused.value.code == "group_in_use"

    for name in WRITERS:
        await asyncio.to_thread(system.stop_part, name)
    await asyncio.to_thread(rebuild, load(RebuildSettings, environment), sure=True)
    for name in WRITERS:
        await asyncio.to_thread(system.start_part, name)
    stop.set()
    await sending
    await traffic.settle(120)
    await traffic.until_written(rows, 120)

    assert await asyncio.to_thread(traffic.wrong, rows) == []
    for model in MODELS:
        found = await verify(model, load(Settings, environment))
        assert found.equal, list(found.lines())


def test_it_is_not_done_by_mistake(stack: Stack) -> None:
    with pytest.raises(UserError) as refused:
        rebuild(load(RebuildSettings, stack.environment()), sure=False)
    assert refused.value.code == "not_sure"
