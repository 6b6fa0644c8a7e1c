"""Frames into one gateway, as fast as it reads them: `python -m bench.inbound <plan as JSON>`.

In: a plan, and the gateway and signing key from the settings. Each socket says some frames and a
ping; the pong says that the gateway has read them, and the next come. So the rate is what the
gateway takes, with no more waiting than that. No worker is needed: nobody waits for decisions.
Where no worker runs, `bench.registrar` registers the sessions; otherwise nobody is welcomed.
Says `begin` when the sockets are open, and again once it is warm; then `end` and what was said.
"""

import asyncio
import gc
import sys
import time
from itertools import count
from random import Random
from string import ascii_letters

import msgspec
import uvloop
from msgspec import Struct

from bench.devices import Settings, address_of
from bench.frames import ping_frame, text_frame
from bench.socket import Socket, connect
from events.ids import direct_conversation, timed_id
from infra import tokens
from infra.settings import load

BODY_BYTES = 80

_CONNECTING_MAX = 40
_CONNECT_SECONDS = 30.0
_TOKEN_SECONDS = 6 * 3600
_POLL_SECONDS = 0.01


class Plan(Struct, frozen=True, kw_only=True):
    """What is said."""

    kind: str
    """`ping`, `send`, `delivered`; `idle` says nothing at all."""
    sockets: int
    depth: int = 1
    """Frames of the kind before each ping."""
    warm_up_seconds: float = 0.0
    seconds: float = 0.0


class Said(Struct, frozen=True, kw_only=True):
    """What was said in the measured time, and what came back that should not."""

    frames: int
    """Of the kind."""
    pings: int
    """Those that only ask whether the frames were read."""
    all_frames: int
    """Of the kind, also before it was measured."""
    problems: int
    ended: int
    seconds: float


class _Text(Struct, gc=False):
    type: str


_decode = msgspec.json.Decoder(_Text).decode


class Speaker:
    """One socket."""

    def __init__(self, number: int, plan: Plan, run: int) -> None:
        self.user_id = f"speaker-{number}"
        self.rounds = 0
        self.problems = 0
        self.has_ended = False
        self.is_speaking = False
        self.live: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.socket: Socket
        self._plan = plan
        self._numbers = count(1)
        peer = f"listener-{number}"
        body = "".join(Random(number).choices(ascii_letters, k=BODY_BYTES))
        self._id = f"{timed_id(run, number << 48)[:24]}"
        self._send = f'","to":"{peer}","body":"{body}"}}'
        conversation_id = direct_conversation(self.user_id, peer)
        self._mark = f'{{"type":"delivered","conversation_id":"{conversation_id}","seq":'

    def speak(self) -> None:
        """Say the next frames and a ping."""
        said = b"".join(self._frame() for _ in range(self._plan.depth))
        self.socket.send_frame(said + ping_frame())

    def heard(self) -> None:
        """The gateway has read all of it."""
        self.rounds += 1
        if self.is_speaking:
            self.speak()

    def told(self, payload: bytes) -> None:
        """A text came: the welcome, and nothing else is expected."""
        kind = _decode(payload).type
        if kind == "welcome":
            self.live.set_result(None)
        elif kind == "error":
            self.problems += 1

    def ended(self, reason: str) -> None:
        """The socket is gone."""
        self.has_ended = True

    def _frame(self) -> bytes:
        number = next(self._numbers)
        if self._plan.kind == "send":
            text = f'{{"type":"send","id":"{self._id}{number:012x}{self._send}'
        elif self._plan.kind == "delivered":
            text = f"{self._mark}{number}}}"
        else:
            return b""  # The ping that ends every round is the frame that is meant.
        return text_frame(text.encode())


async def speak(settings: Settings, plan: Plan) -> Said:
    """Open the sockets, say what is planned, count."""
    run = time.time_ns() // 1_000_000
    speakers = [Speaker(number, plan, run) for number in range(plan.sockets)]
    await _open(settings, speakers)
    gc.collect()
    gc.freeze()
    print("begin", flush=True)
    if plan.kind == "idle":
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        gone = sum(speaker.has_ended for speaker in speakers)
        return Said(frames=0, pings=0, all_frames=0, problems=0, ended=gone, seconds=0.0)
    for speaker in speakers:
        speaker.is_speaking = True
        speaker.speak()
    await asyncio.sleep(plan.warm_up_seconds)
    print("begin", flush=True)
    before, began = sum(speaker.rounds for speaker in speakers), time.perf_counter()
    await asyncio.sleep(plan.seconds)
    rounds, seconds = sum(speaker.rounds for speaker in speakers), time.perf_counter() - began
    print("measured", flush=True)
    for speaker in speakers:
        speaker.is_speaking = False
    await _fall_silent(speakers)
    measured = rounds - before
    return Said(
        frames=measured * plan.depth,
        pings=0 if plan.kind == "ping" else measured,
        all_frames=sum(speaker.rounds for speaker in speakers) * plan.depth,
        problems=sum(speaker.problems for speaker in speakers),
        ended=sum(speaker.has_ended for speaker in speakers),
        seconds=round(seconds, 2),
    )


async def _fall_silent(speakers: list[Speaker]) -> None:
    """Wait until what is under way was read."""
    rounds = -1
    while rounds != (now := sum(speaker.rounds for speaker in speakers)):
        rounds = now
        await asyncio.sleep(50 * _POLL_SECONDS)


async def _open(settings: Settings, speakers: list[Speaker]) -> None:
    key = tokens.ensure_development_key(settings.tokens)
    (url, *_) = settings.client.urls
    connecting = asyncio.Semaphore(_CONNECTING_MAX)

    async def one(speaker: Speaker) -> None:
        async with connecting, asyncio.timeout(_CONNECT_SECONDS):
            token = tokens.mint(
                key,
                settings.tokens,
                user_id=speaker.user_id,
                device_id="bench",
                now_seconds=int(time.time()),
                lifetime_seconds=_TOKEN_SECONDS,
            )
            speaker.socket = await connect(
                url,
                token,
                speaker.told,
                speaker.ended,
                address_of(speaker.user_id),
                speaker.heard,
            )
            await speaker.live

    await asyncio.gather(*map(one, speakers))


def main() -> int:
    """Carry out the plan."""
    plan = msgspec.json.decode(sys.argv[1], type=Plan)
    said = uvloop.run(speak(load(Settings), plan))
    print(f"end {msgspec.json.encode(said).decode()}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
