"""The edge alone, the scaling lines, and the copy with another number of partitions."""

import asyncio
import json
import os
import subprocess
import sys

import msgspec
import pytest

from bench import variant
from bench.bars import bars
from bench.inbound import Plan, Said
from bench.scenarios.edge import EdgeResult, Inbound
from cli.budget import numbers
from events.topics import PARTITIONS
from infra.checkout import CHECKOUT
from tests.bench.gateway import ScriptedGateway


def edge(microseconds=20.0, kib=15.0, ended=0, missing=0) -> EdgeResult:
    inbound = Inbound(
        kind="send", depth=8, frames_per_second=1.0, pings_per_second=1.0,
        microseconds_a_frame=1.0, microseconds_a_request=microseconds,
        kafka_microseconds_a_request=1.0, load_microseconds_a_request=1.0,
        records=1, missing=missing, problems=0,
    )  # fmt: skip
    return EdgeResult(
        sockets=1, inbound=[inbound], idle_sockets=10_000, connected_seconds=1.0,
        kib_a_socket=kib, idle_microseconds_a_socket_and_second=1.0, ended=ended,
        jitter_before=0.0, jitter_after=0.0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("result", "met"),
    [
        (edge(25.0, 20.0), [True, True, True, True]),
        (edge(25.1), [False, True, True, True]),
        (edge(kib=20.1), [True, False, True, True]),
        (edge(ended=1), [True, True, False, True]),
        (edge(missing=1), [True, True, True, False]),
    ],
)
def test_the_edge_has_its_bars(result, met):
    assert [bar.met for bar in bars(result)] == met


@pytest.mark.parametrize("kind", ["ping", "send", "delivered"])
async def test_frames_are_said_as_fast_as_they_are_read(kind, tmp_path):
    depth = 1 if kind == "ping" else 3
    plan = Plan(kind=kind, sockets=4, depth=depth, warm_up_seconds=0.1, seconds=0.3)
    gateway = _Counting()
    async with gateway.server() as server:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.inbound", msgspec.json.encode(plan).decode(),
            env={
                **os.environ,
                "CHAT_GATEWAY_URLS": f"ws://{server.host}:{server.port}/v1/ws",
                "CHAT_TOKEN_JWKS_FILE": str(tmp_path / "jwks.json"),
                "CHAT_TOKEN_SIGNING_KEY_FILE": str(tmp_path / "signing.pem"),
            },
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        )  # fmt: skip
        out, _ = await asyncio.wait_for(process.communicate(), 60)
    *lines, end = out.decode().splitlines()
    assert lines == ["begin", "begin", "measured"]
    said = msgspec.json.decode(end.removeprefix("end "), type=Said)
    assert said.frames > 0
    assert said.problems == said.ended == 0
    if kind == "ping":
        assert gateway.texts == []
    else:
        assert len(gateway.texts) == said.all_frames > said.frames
        assert said.pings * depth == said.frames
        assert {frame["type"] for frame in gateway.texts} == {kind}
        names = [(f.get("id"), f.get("conversation_id"), f.get("seq")) for f in gateway.texts]
        assert len(set(names)) == len(names), "every frame is another one"


class _Counting(ScriptedGateway):
    """Keeps what it was told and answers nothing; aiohttp answers the pings."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[dict] = []

    async def take(self, user: str, frame: dict) -> None:
        self.texts.append(frame)


def test_one_line_makes_the_variant():
    text = (CHECKOUT / "events" / "topics.py").read_text()
    changed = variant.with_partitions(text, 16)
    assert changed != text
    assert changed.replace("PARTITIONS = 16", f"PARTITIONS = {PARTITIONS}") == text


def test_every_program_of_the_copy_agrees_on_the_number(tmp_path):
    variant.copy(tmp_path / "copy", 16)
    script = (
        "import json, events.topics as t, edge.markers, bench.world, processors.reader;"
        "print(json.dumps([t.PARTITIONS, t.SUBMISSIONS.partitions, t.partition_of.__wrapped__."
        "__defaults__[0], bench.world.__file__, str(bench.world.FOLDER)]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, check=True, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "copy")},
    )  # fmt: skip
    *counts, file, folder = json.loads(done.stdout)
    assert counts == [16, 16, 16]
    assert file.startswith(str(tmp_path / "copy"))
    assert folder.startswith(str(tmp_path / "copy")), "its stack is not ours"


def test_numbers_are_read_or_refused_with_a_sentence():
    assert numbers("1,4,10_000,") == (1, 4, 10_000)
    assert numbers("") == ()
    for wrong in ("1,many", "1,-2", "0", "1.5", "9" * 20):
        with pytest.raises(ValueError, match="are written so"):
            numbers(wrong)
