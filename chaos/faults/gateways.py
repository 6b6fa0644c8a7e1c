"""Gateways that die, stand still, are replaced, and networks between them and people."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from chaos.faults.base import fault
from chaos.lab import EDGE, GATEWAYS, Lab
from infra.stack import services

_SERVED_SECONDS = 5.0


@fault("F1", hold_seconds=6.0, bar_seconds=_SERVED_SECONDS, always=True)
async def gateway_killed(lab: Lab) -> AsyncIterator[None]:
    """SIGKILL to a gateway with its sockets; its people are served by the other one."""
    name = lab.random.choice(GATEWAYS)
    await lab.kill(name)
    yield
    await lab.start(name)


@fault("F2", hold_seconds=6.0, bar_seconds=_SERVED_SECONDS)
async def gateway_drained(lab: Lab) -> AsyncIterator[None]:
    """SIGTERM to a gateway: it sends its people away one after the other, then ends."""
    name = lab.random.choice(GATEWAYS)
    await lab.stop(name)
    yield
    await lab.start(name)


@fault("F3", hold_seconds=8.0, bar_seconds=8.0)
async def gateway_paused(lab: Lab) -> AsyncIterator[None]:
    """SIGSTOP to a gateway; people find out by their heartbeat, and it wakes to dead sockets."""
    name = lab.random.choice(GATEWAYS)
    await lab.pause(name)
    yield
    await lab.resume(name)


@fault("F3", hold_seconds=30.0)
async def gateway_paused_for_long(lab: Lab) -> AsyncIterator[None]:
    """SIGSTOP to a gateway for longer than its sessions are believed."""
    name = lab.random.choice(GATEWAYS)
    await lab.pause(name)
    yield
    await lab.resume(name)


@fault("F6", hold_seconds=10.0, bar_seconds=8.0)
async def half_open_sockets(lab: Lab) -> AsyncIterator[None]:
    """The network to a gateway swallows everything, and neither side is told."""
    name = lab.random.choice(GATEWAYS)
    lab.say(f"the network to {name} is cut")
    lab.proxies[name].cut()
    yield
    lab.proxies[name].mend()


@fault("F7", hold_seconds=8.0)
async def slow_readers(lab: Lab) -> AsyncIterator[None]:
    """Half of the people stop reading from their sockets, and their windows close."""
    name = lab.random.choice(GATEWAYS)
    lab.say(f"nothing is read from {name} any more")
    lab.proxies[name].stall()
    yield
    lab.proxies[name].mend()


@fault("F8", hold_seconds=1.0, bar_seconds=_SERVED_SECONDS)
async def everyone_reconnects(lab: Lab) -> AsyncIterator[None]:
    """All sockets are reset at once."""
    lab.say("every socket is reset")
    for proxy in lab.proxies.values():
        proxy.reset()
    yield


@fault("F9", hold_seconds=4.0, bar_seconds=_SERVED_SECONDS)
async def gateway_killed_and_back_at_once(lab: Lab) -> AsyncIterator[None]:
    """A gateway dies and comes back at once under its old id."""
    name = lab.random.choice(GATEWAYS)
    await lab.kill(name)
    await lab.start(name)
    yield


@fault("F9", hold_seconds=6.0, bar_seconds=_SERVED_SECONDS)
async def gateway_replaced(lab: Lab) -> AsyncIterator[None]:
    """A gateway dies for good and another takes its address, under another id."""
    name = lab.random.choice(GATEWAYS)
    old = lab.service(name)
    await lab.kill(name)
    other = services.gateway(lab.stack.ports, f"{name}-new", EDGE)
    await asyncio.to_thread(lab.stack.run, other)
    lab.proxies[name].target_port = other.port
    yield
    await lab.start(name)
    lab.proxies[name].target_port = old.port
    await lab.remove(other)
