"""People write, connect and show tokens; whoever's token is to be believed is let in."""

from events.frames import CloseCode
from tests.simulation.chances import QUIET_WRITES_MAX
from tests.simulation.device import Device
from tests.simulation.processes import Processes
from tests.simulation.tokens import Token, good
from tests.simulation.watermarks import watermark_in

_MOMENT = 0.01
_LOOKS_SHARE = 0.3
"""Of messages, those whose writer has the conversation on the screen."""


class People(Processes):
    """A world whose people use their devices."""

    def write(self, device: Device, to: str) -> None:
        """A device writes to a user."""
        if self.quiet and self.written >= QUIET_WRITES_MAX:
            return
        self.written += 1
        self.story.append(f"{device.user_id}/{device.device_id} writes {self.written} to {to}")
        looks = not self.quiet and self.random.random() < _LOOKS_SHARE
        device.write(self.written, to, self.now_ms(), looks=looks)

    def connect(self, device: Device, token_seconds: int | None = None) -> None:
        """A device without a link opens one."""
        ready = [one for one in self.gateways if one.ready and not one.process.stopped]
        if device.link is None and ready:
            gateway = self.random.choice(ready)
            self.story.append(f"{device.user_id}/{device.device_id} connects to {gateway.id}")
            by_hello = self.random.random() < 0.3
            device.shift_ms = self.random.choice((0, self.devices_shift_ms))
            token = self.token(device, token_seconds)
            device.connect(gateway, token, by_hello=by_hello)
            if not by_hello:
                self.judge(device, token)

    def lift(self, device: Device) -> None:
        """The gateway takes the next frame of a device."""
        link = device.link
        if link is not None and link.up and not link.gateway.process.stopped:
            frame = link.up.popleft()
            if link.gateway.process.alive and not link.socket.ended.done():
                was_let_in = link.is_let_in
                self.story.append(f"{device.user_id}/{device.device_id} up {frame[-60:]!r}")
                link.socket.feed_data(frame)
                told = watermark_in(frame, link.gateway.process, device.user_id)
                if was_let_in and told is not None:
                    self.watermarks.append(told)
                if frame in link.tokens:
                    self.judge(device, link.tokens.pop(frame), was_let_in)

    def read_on(self) -> None:
        """Every device reads again."""
        for gateway in self.gateways:
            for _, wire in gateway.sockets:
                wire.read_on()
        for device in self.devices:
            if device.link is not None:
                device.link.wire.read_on()

    def token(self, device: Device, seconds: int | None = None) -> Token:
        """A fresh token of a device, good for as long as tokens are now unless it is said."""
        good_for = self.token_seconds if seconds is None else seconds
        return good(device.user_id, device.device_id, self.parts.wall_time(), good_for)

    def judge(self, device: Device, token: Token, was_let_in: bool = False) -> None:
        """Whoever's token is to be believed is let in, and nobody else.

        Who was let in already stays so until the last of the tokens ends that were believed.
        """
        link = device.link
        is_let_in = link is not None and link.is_let_in
        speaker = None if link is None else link.socket.principal
        names = (device.user_id, device.device_id)
        if speaker is not None and (speaker.user_id, speaker.device_id) != names:
            self.parts.findings.append(f"tokens: {device.user_id} is {speaker.user_id} now")
        if self.parts.wall_time() >= token.until:
            if was_let_in and link is not None:
                goes_on = is_let_in or link.wire.closed == CloseCode.TOO_SLOW
                if not goes_on and self.parts.wall_time() < link.until - _MOMENT:
                    self.parts.findings.append(f"tokens: {device.user_id}'s session did not go on")
            elif is_let_in:
                self.parts.findings.append(f"tokens: {device.user_id} was let in without a token")
        elif is_let_in and link is not None:
            link.until = max(link.until, token.until)
        elif not (link and link.socket._closing):  # a session that had ended takes no token
            self.parts.findings.append(f"tokens: {device.user_id}'s token was not believed")

    def visit(self) -> None:
        """Gateways look at their sockets."""
        for gateway in self.gateways:
            if gateway.process.alive and not gateway.process.stopped:
                gateway.visit()
        now = self.parts.wall_time()
        for device in self.devices:
            link = device.link
            if link is None or link.gateway.process.stopped or not link.gateway.process.alive:
                continue
            if link.is_let_in and now > link.until + _MOMENT:
                self.parts.findings.append(f"tokens: {device.user_id} stays without a token")
