"""What happens without any fault: calls, looks at the log, frames, people who write."""

from tests.simulation.inhabitants import USERS
from tests.simulation.machine import Call
from tests.simulation.people import People
from tests.simulation.rest import SECONDS_AT_ONCE

_CALLS_AT_ONCE = 6
_NOTES_SHARE = 0.1
"""Of messages, those to oneself."""


class Ordinary(People):
    """A world in which something happens: one method for each name in `chances.ORDINARY`."""

    def _call(self) -> None:
        """Some calls happen, one after the other; without any, somebody looks at the log."""
        machine = self.parts.machine
        for _ in range(self.random.randint(1, _CALLS_AT_ONCE)):
            if not (calls := [*machine.ready(), *machine.given_up]):
                self._look()
                return
            self.happen(self.random.choice(calls))
            self.parts.loop.settle()

    def happen(self, call: Call) -> None:
        """One call happens, fails, or is given up."""
        machine = self.parts.machine
        if call in machine.given_up:
            self.story.append(f"{call.owner.name}: {call.part}, late")
            machine.happen_late(call)
        elif call.part != "kafka" and self.random.random() < self.hang_chance:
            self.story.append(f"{call.owner.name}: {call.part} does not answer in time")
            machine.give_up(call)
        else:
            self.story.append(f"{call.owner.name}: {call.part}")
            machine.happen(call, self.fail_chance)

    def _look(self) -> None:
        """One process looks at all that it reads."""
        processes = (*self.workers, *self.gateways)
        if able := [one for one in processes if one.process.alive and not one.process.stopped]:
            for look in list(self.random.choice(able).looks):
                look()

    def _up(self) -> None:
        """The gateway takes the next frame of some device."""
        if linked := [one for one in self.devices if one.link is not None and one.link.up]:
            self.lift(self.random.choice(linked))

    def _down(self) -> None:
        """Some device takes its next frame."""
        if told := [one for one in self.devices if one.link and one.link.wire.has_something]:
            self.random.choice(told).receive(self.now_ms())

    def _time(self) -> None:
        self.parts.loop.pass_time(self.random.random() * SECONDS_AT_ONCE)
        for device in self.devices:
            if self.random.random() < 0.2:
                device.apply(device.state.tick_clock(self.now_ms()))

    def _commit(self) -> None:
        """Some consumer commits in the background."""
        worker = self.random.choice(self.workers)
        if worker.process.alive and not worker.process.stopped:
            self.random.choice(worker.consumers).commit_stored()

    def _write(self) -> None:
        device = self.random.choice(self.devices)
        if self.quiet:  # who waits for no ticks asks for nothing that would tell of messages
            device = self.devices[0]
        others = [one for one in USERS if one != device.user_id]
        to_oneself = not self.quiet and self.random.random() < _NOTES_SHARE
        self.write(device, device.user_id if to_oneself else self.random.choice(others))

    def _read(self) -> None:
        self.random.choice(self.devices).read(self.now_ms())

    def _connect(self) -> None:
        if away := [one for one in self.devices if one.link is None]:
            self.connect(self.random.choice(away))

    def _visit(self) -> None:
        self.visit()

    def _reconnect(self) -> None:
        """A device changes its network."""
        device = self.random.choice(self.devices)
        if device.link is not None:
            device.link.gateway.cut(device.link.socket)
            device.disconnect()
        self.connect(device)

    def _wake(self) -> None:
        self.random.choice(self.devices).wake(self.now_ms(), early=True)
