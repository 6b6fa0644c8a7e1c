"""Frames that wait for a socket: in order, bounded, and never waited for without an end."""

import asyncio

from client.frame_queue import FRAMES_MAX, FrameQueue


class Socket:
    """Takes frames while its gate is open."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.gate = asyncio.Event()
        self.is_broken = False

    async def send(self, frame: bytes) -> None:
        await self.gate.wait()
        if self.is_broken:
            raise ConnectionResetError
        self.taken.append(frame)


async def test_frames_are_written_in_order_as_they_come():
    queue, socket = FrameQueue(), Socket()
    socket.gate.set()
    writing = asyncio.create_task(queue.write(socket.send))
    queue.put([b"1", b"2"])
    await queue.flush(1.0)
    queue.put([b"3"])
    await queue.flush(1.0)
    assert socket.taken == [b"1", b"2", b"3"]
    writing.cancel()


async def test_who_reads_waits_when_too_much_is_to_be_written():
    queue, socket = FrameQueue(), Socket()
    writing = asyncio.create_task(queue.write(socket.send))
    queue.put([b"x"] * FRAMES_MAX)
    await asyncio.wait_for(queue.room(), 60)
    queue.put([b"y", b"z"])
    waiting = asyncio.create_task(queue.room())
    done, _ = await asyncio.wait([waiting], timeout=0.05)
    assert not done
    socket.gate.set()
    await asyncio.wait_for(waiting, 60)
    assert len(socket.taken) == FRAMES_MAX + 2
    writing.cancel()


async def test_a_socket_that_takes_nothing_is_waited_for_in_bounded_time():
    queue, socket = FrameQueue(), Socket()
    writing = asyncio.create_task(queue.write(socket.send))
    queue.put([b"x"])
    await asyncio.wait_for(queue.flush(0.05), 1.0)
    assert socket.taken == []
    writing.cancel()


async def test_a_socket_that_ends_lets_go_who_waits():
    queue, socket = FrameQueue(), Socket()
    socket.is_broken = True
    queue.put([b"x"] * (FRAMES_MAX + 2))
    waiting = asyncio.create_task(queue.room())
    writing = asyncio.create_task(queue.write(socket.send))
    await asyncio.sleep(0)
    socket.gate.set()
    await asyncio.wait_for(asyncio.gather(waiting, writing), 1.0)
    queue.put([b"y"] * (FRAMES_MAX + 2))
    await asyncio.wait_for(queue.room(), 1.0)
    await asyncio.wait_for(queue.flush(5.0), 1.0)
    assert socket.taken == []


async def test_a_new_connection_begins_with_nothing():
    queue, socket = FrameQueue(), Socket()
    socket.gate.set()
    queue.put([b"old"])
    queue.clear({})
    queue.put([b"new"])
    writing = asyncio.create_task(queue.write(socket.send))
    await queue.flush(1.0)
    assert socket.taken == [b"new"]
    writing.cancel()
