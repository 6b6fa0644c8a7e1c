"""Keeps who is connected where, and tells each new device how far its conversations go.

Takes `chat.gateways` and `chat.sessions`; writes `projections.sessions`; puts FramesRouted with
`heads` frames, SessionReplaced and AnnouncementRequested on delivery topics. Rules:
- A session is written before heads are read, fan-out records heads before it reads sessions: one of
  the two always sees the other (ADR 0005).
- Only sessions of living gateways are answered. Whenever a gateway comes to life (it started, or
  Redis or this worker was away) it is asked to announce its sessions, and they are answered then.
- Who could not be told everything (history is behind, or away) is owed the rest. That is noted in
  Redis before the record is acknowledged, so whichever process is left pays; when Redis loses it,
  gateways announce their sessions again.
- An older session is told that it was replaced before the newer one takes its place, so that no
  crash leaves it unaware.
A batch takes a handful of round trips, however many devices it holds.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence

import structlog

from events.deliveries import AnnouncementRequested, SessionReplaced
from events.topics import GATEWAYS, SESSIONS
from infra.transient import is_transient
from processors.app import WorkerApp
from processors.context import Context
from processors.deliveries import confirmed, deliver, publish_frames
from processors.heads import WAIT_SECONDS, Heads
from processors.received import Received
from processors.session_changes import changes_of, replaced_by, route_heads
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
        self._owes = False
        paying = context.loop.create_task(self._pay_for_ever())
        context.background.add(paying)

    async def take(self, changes: Sequence[Change]) -> None:
        """Apply changes and answer; may be repeated."""
        opened = {
            (change.user_id, change.session.device_id)
            for change in changes
            if isinstance(change, DeviceOpened)
        }
        if opened:
            await self._tell_replaced(replaced_by(changes, await self._store.held(opened)))
        effects = await self._store.apply(changes)
        alive: dict[str, str] = {}
        current: dict[Device, Session] = {}
        for change, effect in zip(changes, effects, strict=True):
            if isinstance(change, GatewayHeard):
                if effect:
                    alive[change.gateway_id] = change.gateway_epoch
                continue
            device = (change.user_id, change.session.device_id)
            if isinstance(change, DeviceOpened) and effect:
                current[device] = change.session
            elif isinstance(change, DeviceClosed) and current.get(device) == change.session:
                del current[device]
        await deliver(
            self._context,
            "sessions",
            (
                (gateway_id, AnnouncementRequested(gateway_id=gateway_id, gateway_epoch=epoch))
                for gateway_id, epoch in alive.items()
            ),
        )
        # Whoever waited in vain a moment ago need not do so again.
        whole = await self._answer(current, 0.0 if self._owes else WAIT_SECONDS)
        owed = {device: current[device] for device in current.keys() - whole}
        await self._store.owe(owed)
        if owed:
            self._owes = True
            self._context.telemetry.records("sessions", "answered_in_part", len(owed))

    async def _tell_replaced(self, replaced: Sequence[Session]) -> None:
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
                for session in await self._living(replaced)
            ),
        )

    async def _living(self, sessions: Collection[Session]) -> set[Session]:
        """Those whose gateway is alive. The others' gateway will be asked when it comes to life."""
        epochs = await self._store.epochs({session.gateway_id for session in sessions})
        return {one for one in sessions if epochs[one.gateway_id] == one.gateway_epoch}

    async def _answer(
        self, devices: Mapping[Device, Session], wait_seconds: float
    ) -> Collection[Device]:
        """Tell devices their heads; those that are owed nothing, being told all, or gone."""
        alive = await self._living(devices.values())
        living = {device: session for device, session in devices.items() if session in alive}
        if not living:
            return devices.keys()
        users = {user for user, _ in living}
        heads = await self._heads.of_users(users, wait_seconds=wait_seconds)
        published = publish_frames(self._context, route_heads(living, heads))
        await confirmed(self._context, "sessions", published)
        return {device for device in devices if device not in living or heads[device[0]].whole}

    async def _pay_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_OWED_SECONDS)
            try:
                await self._pay()
            except Exception as error:
                if not is_transient(error):
                    log.exception("could not answer")
                    self._context.end_process("sessions met a fault")

    async def _pay(self) -> None:
        """Answer some who are owed, whichever process owes it."""
        owed = await self._store.owed(_OWED_AT_ONCE)
        whole = await self._answer(owed, 0.0)
        await self._store.pay({device: owed[device] for device in whole})
        self._owes = len(whole) < len(owed)
