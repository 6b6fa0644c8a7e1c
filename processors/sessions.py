"""Keeps who is connected where, and tells each new device how far its conversations go.

Takes `chat.gateways` and `chat.sessions`; writes `projections.sessions`; puts SessionsRegistered,
FramesRouted with `heads` frames, SessionReplaced and AnnouncementRequested on delivery topics.
Rules:
- A session is written before heads are read, fan-out records heads before it reads sessions: one of
  the two always sees the other (ADR 0005).
- A session that stands in the registry is said to (SessionsRegistered): its client is welcomed
  then, since an answer that is routed from now on reaches it.
- Only sessions of living gateways are answered. Whenever a gateway comes to life (it started, or
  Redis or this worker was away) it is asked to announce its sessions, and they are answered then.
- A batch waits for no store but Redis, reads a bounded page for each device, and takes what
  gateways say first: however many devices come, no gateway is thought dead meanwhile.
- Who could not be told everything from Redis is owed it. That is noted in Redis before the record
  is acknowledged, and is paid beside the batches, by whichever process is left; when Redis loses
  it, gateways announce their sessions again.
- An older session is told that it was replaced before the newer one takes its place, so that no
  crash leaves it unaware.
A batch takes a handful of round trips, and one to read the heads of some devices. The event loop is
held for some of them at a time, however many come.
"""

import asyncio
import contextlib
from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

import structlog

from events.deliveries import AnnouncementRequested, SessionReplaced, SessionsRegistered
from events.topics import GATEWAYS, SESSIONS
from infra.transient import is_transient
from processors.app import WorkerApp
from processors.context import Context
from processors.deliveries import confirmed, deliver, publish_frames
from processors.fanout.routing import Gateway
from processors.heads import Heads
from processors.received import Received
from processors.session_changes import (
    HEADS_A_FRAME,
    changes_of,
    replaced_by,
    route_heads,
    some_at_a_time,
)
from projections.heads.places import token_of
from projections.heads.store import ASKS_AT_ONCE, Wanted
from projections.sessions.keys import Session
from projections.sessions.store import (
    Change,
    Device,
    DeviceClosed,
    DeviceOpened,
    GatewayHeard,
    SessionStore,
)

_OWED_AT_ONCE = 1_000
_OWED_SECONDS = 2.0

log = structlog.get_logger()

Name = TypeVar("Name")


def attach(app: WorkerApp, context: Context) -> None:
    """Attach the agent of the consumer group `sessions`."""
    registry = SessionRegistry(context)

    @app.batches("sessions", topics=(GATEWAYS, SESSIONS))
    async def keep_sessions(batch: Sequence[Received]) -> None:
        await registry.take(changes_of(batch, context.settings.kafka.log_generation))


class SessionRegistry:
    """The shell: what is heard goes to Redis, answers to gateways."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._store = SessionStore(context.redis_pipe)
        self._heads = Heads(context)
        self._owes = asyncio.Event()
        paying = context.loop.create_task(self._pay_for_ever())
        context.background.add(paying)

    async def take(self, changes: Sequence[Change]) -> None:
        """Apply changes and answer; may be repeated."""
        await self._hear([one for one in changes if isinstance(one, GatewayHeard)])
        await self._register([one for one in changes if not isinstance(one, GatewayHeard)])

    async def _hear(self, gateways: Sequence[GatewayHeard]) -> None:
        """What gateways say comes first: their lives must not end while devices are registered."""
        if not gateways:
            return
        effects = await self._store.apply(gateways)
        alive = {
            one.gateway_id: one.gateway_epoch
            for one, came_to_life in zip(gateways, effects, strict=True)
            if came_to_life
        }
        await deliver(
            self._context,
            "sessions",
            (
                (gateway_id, AnnouncementRequested(gateway_id=gateway_id, gateway_epoch=epoch))
                for gateway_id, epoch in alive.items()
            ),
        )

    async def _register(self, changes: Sequence[DeviceOpened | DeviceClosed]) -> None:
        opened = {
            (change.user_id, change.session.device_id)
            for change in changes
            if isinstance(change, DeviceOpened)
        }
        if opened:
            await self._tell_replaced(replaced_by(changes, await self._store.held(opened)))
        if not changes:
            return
        effects = await self._store.apply(changes)
        current: dict[Device, DeviceOpened] = {}
        for change, effect in zip(changes, effects, strict=True):
            device = (change.user_id, change.session.device_id)
            if isinstance(change, DeviceOpened):
                if effect:
                    current[device] = change
            elif device in current and current[device].session == change.session:
                del current[device]
        sessions = await self._living({device: one.session for device, one in current.items()})
        await self._tell_registered(sessions.values())
        asked = {
            device: Wanted(device[0], HEADS_A_FRAME, token_of(current[device].since))
            for device in sessions
        }
        owed = await self._answer(sessions, asked, restore=False)
        if owed:
            await self._store.owe(owed)
            self._owes.set()

    async def _tell_replaced(self, replaced: Sequence[Session]) -> None:
        living = await self._living(dict(enumerate(replaced)))
        await deliver(
            self._context,
            "sessions",
            (
                (
                    session.gateway_id,
                    SessionReplaced(
                        gateway_id=session.gateway_id,
                        gateway_epoch=session.gateway_epoch,
                        session_id=session.session_id,
                    ),
                )
                for session in living.values()
            ),
        )

    async def _tell_registered(self, living: Collection[Session]) -> None:
        by_gateway: dict[Gateway, list[int]] = {}
        for one in living:
            by_gateway.setdefault((one.gateway_id, one.gateway_epoch), []).append(one.session_id)
        await deliver(
            self._context,
            "sessions",
            (
                (
                    gateway[0],
                    SessionsRegistered(
                        gateway_id=gateway[0],
                        gateway_epoch=gateway[1],
                        session_ids=tuple(session_ids),
                    ),
                )
                for gateway, session_ids in by_gateway.items()
            ),
        )

    async def _living(self, sessions: Mapping[Name, Session]) -> dict[Name, Session]:
        """Those whose gateway is alive. The others' gateway will be asked when it comes to life."""
        epochs = await self._store.epochs({session.gateway_id for session in sessions.values()})
        return {
            name: one
            for name, one in sessions.items()
            if epochs[one.gateway_id] == one.gateway_epoch
        }

    async def _answer(
        self, sessions: Mapping[Device, Session], asked: Mapping[Device, Wanted], *, restore: bool
    ) -> dict[Device, Session]:
        """Tell devices their heads; those that are still owed them.

        Who is not told from Redis is told when Cassandra was asked, if only in part then.
        """
        if not sessions:
            return {}
        asks = list(dict.fromkeys(asked[device] for device in sessions))
        answers = await self._heads.answers(asks, restore=restore)
        owed = {one: sessions[one] for one in sessions if not answers[asked[one]].whole}
        now = {one: sessions[one] for one in sessions if restore or one not in owed}
        published: list[asyncio.Future[int]] = []
        for some in some_at_a_time(now, asked, ASKS_AT_ONCE):
            if published:
                await asyncio.sleep(0)  # sockets, heartbeats and other roles come in between
            published += publish_frames(self._context, route_heads(some, asked, answers))
        await confirmed(self._context, "sessions", published)
        return owed

    async def _pay_for_ever(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_OWED_SECONDS):
                    await self._owes.wait()
            self._owes.clear()
            try:
                if await self._pay():
                    await asyncio.sleep(_OWED_SECONDS)
            except Exception as error:
                if not is_transient(error):
                    log.exception("could not answer")
                    self._context.end_process("sessions met a fault")

    async def _pay(self) -> bool:
        """Answer some who are owed, whichever process owes it; whether some still are."""
        owed = await self._store.owed(_OWED_AT_ONCE)
        living = await self._living(owed)
        asked = {device: Wanted(device[0], HEADS_A_FRAME) for device in living}
        still = await self._answer(living, asked, restore=True)
        if still:
            self._context.telemetry.records("sessions", "answered_in_part", len(still))
        await self._store.pay({device: owed[device] for device in owed.keys() - still.keys()})
        return bool(still)
