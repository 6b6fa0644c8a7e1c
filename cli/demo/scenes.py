"""The story: two people on two gateways, one away, two crashes, and at the end everything compared.

Each scene enters what it proved into the ledger. A scene that waits in vain breaks its promise and
ends the play, and what was seen until then is compared all the same.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import pairwise

from cli.demo import promises
from cli.demo.comparison import Play, compare
from cli.demo.people import Person
from cli.demo.promises import Ledger, Ticks
from cli.demo.stage import ADMISSION, GATEWAYS, Stage
from cli.demo.transcript import Transcript
from client.errors import ClientError
from client.messages import Tick
from client.outgoing import Outgoing

DIALOGUE = (
    ("ann", "Hi Bob, are you there?"),
    ("bob", "Yes, on the other gateway."),
    ("ann", "Then this went through the whole log."),
    ("bob", "Asked, decided, delivered: three hops."),
    ("ann", "And the ticks come back the same way."),
    ("bob", "Grüße aus dem Log 👋"),
)
READING_SECONDS = 0.4
WAITING = 250
JOINT = 20
TALK_SECONDS = 4.0
TALK_PER_SECOND = 25.0
KILL_AFTER_SECONDS = 1.5
SETTLE_SECONDS = 60.0


Scene = Callable[[Play], Awaitable[None]]


async def play(stage: Stage, transcript: Transcript) -> Ledger:
    """Play all scenes; what they proved."""
    here = Play(stage, transcript)
    try:
        for number, (title, scene) in enumerate(SCENES, 1):
            transcript.scene(number, title)
            try:
                await scene(here)
            except (TimeoutError, ClientError) as error:
                why = str(error) or f"it did not happen within {SETTLE_SECONDS:.0f} s"
                here.ledger.check(title, "", [why])
                break
        transcript.scene(len(SCENES) + 1, "Everything that was seen is compared")
        await compare(here)
    finally:
        await asyncio.gather(here.ann.leave(), here.bob.leave())
    return here.ledger


async def two_people(here: Play) -> None:
    """Messages both ways between two gateways, each with its three ticks."""
    await here.stage.enter(here.ann, GATEWAYS[0])
    await here.stage.enter(here.bob, GATEWAYS[1])
    for person in (here.ann, here.bob):
        here.transcript.tell(f"{person.name} is online at {here.stage.gateway_of(person)}")
    people = {"ann": (here.ann, "bob"), "bob": (here.bob, "ann")}
    ticks = []
    here.ann.reads_after_seconds = here.bob.reads_after_seconds = READING_SECONDS
    for name, text in DIALOGUE:
        sender, receiver = people[name]
        ticks.append(await sender.ticks(await sender.write(receiver, text)))
        here.transcript.said(name, receiver, text, ticks[-1])
    here.ann.reads_after_seconds = here.bob.reads_after_seconds = 0.0
    here.transcript.tell(f"they go on, {TALK_PER_SECOND:.0f} messages a second")
    talk = await small_talk(here, TALK_SECONDS)
    here.ledger.ticks["in quiet"] = [one.ticks for one in talk]
    here.ledger.check(
        "Messages go both ways between two gateways, each with its three ticks in order",
        f"{len(ticks) + len(talk)} messages",
        promises.wrong_ticks([*ticks, *(one.ticks for one in talk)]),
    )


async def bob_is_away(here: Play) -> None:
    """Messages wait for Bob and arrive in order, in pages, joined by live ones without a hole."""
    ann, bob = here.ann, here.bob
    await bob.leave()
    here.transcript.tell("bob goes offline")
    began = time.monotonic()
    waiting = [await ann.write("bob", f"while you were away, {n}") for n in range(1, WAITING + 1)]
    for outgoing in waiting:
        await outgoing.accepted(SETTLE_SECONDS)
    seconds = time.monotonic() - began
    here.transcript.tell(f"ann writes {WAITING} messages; all have one tick after {seconds:.2f} s")
    early = [one for one in waiting if one.tick is not Tick.SENT]
    bob.pages.clear()
    before = len(bob.seen)
    began = time.monotonic()
    await here.stage.enter(bob, GATEWAYS[1])
    live = [await ann.write("bob", f"as you come back, {n}") for n in range(1, JOINT + 1)]
    await bob.until_seen(before + WAITING + JOINT, SETTLE_SECONDS)
    here.transcript.tell(
        f"bob comes back while ann goes on writing: {WAITING + JOINT} messages after "
        f"{time.monotonic() - began:.2f} s, in pieces of {_listed(bob.pages)}"
    )
    for outgoing in (*waiting, *live):
        await ann.ticks(outgoing)
    arrived = [one.body for one in bob.seen[before:]]
    wanted = [one.body for one in (*waiting, *live)]
    broken = [] if arrived == wanted else ["they arrived in another order, or others did"]
    broken += [f"{len(early)} were called delivered while Bob was away"] if early else []
    broken += ["a page had more than 100"] if max(bob.pages) > 100 + JOINT else []
    here.ledger.check(
        f"{WAITING} messages wait for Bob and arrive in order, in pages, with no hole where "
        "the live ones begin",
        f"pieces of {_listed(bob.pages)}",
        broken,
    )


async def a_gateway_dies(here: Play) -> None:
    """SIGKILL to the gateway that Ann is connected to, in mid-conversation."""
    victim = here.stage.gateway_of(here.ann)
    await _crash(here, victim, f"A killed gateway ({victim}) loses nothing, and the talk goes on")


async def admission_dies(here: Play) -> None:
    """SIGKILL to the only process that decides, in mid-conversation."""
    await _crash(here, ADMISSION, "A killed admission worker loses nothing, and the talk goes on")


@dataclass(frozen=True, slots=True)
class Said:
    """A message of the small talk: when it was written, and its ticks after that."""

    outgoing: Outgoing
    written_at: float
    ticks: Ticks


async def small_talk(here: Play, seconds: float) -> list[Said]:
    """Both write in turn at a steady rate; returns when all of it was read."""

    async def follow(person: Person, outgoing: Outgoing) -> Said:
        return Said(outgoing, time.monotonic(), await person.ticks(outgoing))

    tasks: list[asyncio.Task[Said]] = []
    count = int(seconds * TALK_PER_SECOND)
    due = time.monotonic()
    try:
        for n in range(1, count + 1):
            sender, receiver = (here.ann, "bob") if n % 2 else (here.bob, "ann")
            outgoing = await sender.write(receiver, f"small talk {here.written + 1}")
            tasks.append(asyncio.create_task(follow(sender, outgoing)))
            due += 1 / TALK_PER_SECOND
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()


async def _crash(here: Play, victim: str, promise: str) -> None:
    talk = asyncio.create_task(small_talk(here, TALK_SECONDS))
    try:
        await asyncio.sleep(KILL_AFTER_SECONDS)
        await here.stage.kill(victim)
        killed_at = time.monotonic()
        here.transcript.tell(f"{victim} is killed (SIGKILL) while they talk", "red")
        ready_seconds = await here.stage.start_again(victim)
        here.transcript.tell(f"its supervisor has started it again in {ready_seconds:.1f} s")
        said = await talk
    finally:
        talk.cancel()
    away_seconds = _longest_silence(said, killed_at)
    where = ", ".join(f"{p.name} at {here.stage.gateway_of(p)}" for p in (here.ann, here.bob))
    here.transcript.tell(
        f"nobody waited longer than {away_seconds:.2f} s for a first tick, and all {len(said)} "
        f"messages got their three; {where}"
    )
    here.ledger.ticks[f"while {victim} was killed"] = [one.ticks for one in said]
    here.ledger.check(
        promise,
        f"{len(said)} messages; the longest wait was {away_seconds:.2f} s",
        promises.wrong_ticks(one.ticks for one in said),
    )


def _longest_silence(said: list[Said], since: float) -> float:
    """The longest time that somebody wrote and got no first tick, after an instant, in seconds."""
    longest = 0.0
    for sender in (0, 1):
        times = sorted(one.written_at + one.ticks.accepted / 1000 for one in said[sender::2])
        after = [since, *(at for at in times if at > since)]
        longest = max([longest, *(two - one for one, two in pairwise(after))])
    return longest


def _listed(counts: list[int]) -> str:
    """Counts for people: `100, 100, 50`, shortened."""
    head = ", ".join(str(count) for count in counts[:6])
    return head if len(counts) <= 6 else f"{head} and {len(counts) - 6} more"


SCENES: tuple[tuple[str, Scene], ...] = (
    ("Two people on two gateways", two_people),
    ("Bob is away", bob_is_away),
    ("A gateway dies", a_gateway_dies),
    ("Admission dies", admission_dies),
)
