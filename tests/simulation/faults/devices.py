"""Devices that stop reading, crash, and lose their connections."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bench.frames import text_frame
from tests.simulation.faults.registry import fault

if TYPE_CHECKING:
    from tests.simulation.device import Device
    from tests.simulation.world import World

_SAID_TO_THE_SLOW = 12


@fault
def device_stops_reading(world: World) -> None:
    """A device takes nothing from its socket, though the socket stays open and much is said."""
    device = world.random.choice(world.devices)
    if device.link is not None:
        device.link.wire.stop_reading()
        others = [one for one in world.devices if one.user_id != device.user_id]
        for _ in range(_SAID_TO_THE_SLOW):
            world.write(world.random.choice(others), device.user_id)


@fault
def devices_read_again(world: World) -> None:
    """All take again what waits for them."""
    world.read_on()


@fault
def connection_lost(world: World) -> None:
    """A device and its gateway see the end of their connection; what was on its way is lost."""
    device = world.random.choice(world.devices)
    if device.link is not None:
        device.link.gateway.cut(device.link.socket)
        device.disconnect()


@fault
def connection_half_open(world: World) -> None:
    """The device sees it and connects again; its gateway does not, for long."""
    device = world.random.choice(world.devices)
    if device.link is not None:
        device.disconnect()


@fault
def connection_is_left_behind(world: World) -> None:
    """A device gives up on a gateway that has not read all of its frames yet."""
    with_frames = [one for one in world.devices if one.link is not None and one.link.up]
    if with_frames:
        device = world.random.choice(with_frames)
        assert device.link is not None
        world.left_behind.append(device.link)
        device.disconnect()


@fault
def gateway_reads_what_was_left_behind(world: World) -> None:
    """It reads the rest at last, before it notices that the device has long been gone."""
    going_on = [one for one in world.left_behind if not one.gateway.process.stopped]
    for link in going_on:
        world.left_behind.remove(link)
        while link.up and link.gateway.process.alive and not link.socket.ended.done():
            link.socket.feed_data(link.up.popleft())


@fault
def gateway_sees_the_end(world: World) -> None:
    """A gateway sees at last that devices are gone."""
    for gateway in world.gateways:
        linked = {id(one.link.socket) for one in world.devices if one.link is not None}
        for socket, _ in list(gateway.sockets):
            if id(socket) not in linked:
                gateway.cut(socket)


@fault
def device_crashes(world: World) -> None:
    """The process of a device ends; what it stored is left."""
    device = world.random.choice(world.devices)
    link = device.link
    device.crash()
    if link is not None:
        link.gateway.cut(link.socket)


@fault
def frame_comes_twice(world: World) -> None:
    """A device takes the next frame twice."""
    device = world.random.choice(world.devices)
    if device.online and device.link is not None and device.link.wire.down:
        device.take(device.link.wire.down[0], world.now_ms())


@fault
def a_simple_client_reads(world: World) -> None:
    """A client that sends each watermark by itself, waits for no answer and never repeats it."""
    read_by_itself(world, world.random.choice(world.devices))


def read_by_itself(world: World, device: Device) -> None:
    """Let a device say that it has read some conversation to its end."""
    known = [one for one in device.state.conversations.values() if one.cursor]
    if device.link is None or not device.online or not known:
        return
    conversation = world.random.choice(known)
    said = {"type": "read", "conversation_id": conversation.id, "seq": conversation.cursor}
    device.link.up.append(text_frame(json.dumps(said).encode()))
