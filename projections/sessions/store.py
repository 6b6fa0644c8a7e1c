"""Who is connected where, in Redis, as the sessions worker writes it.

In: what was heard of gateways and devices, in the order of the log, each with its place there. Out:
for each whether it took effect. Everything may be repeated, also from an older place: an older
record never takes the place of a newer one. Each change is one small script, so that two workers
that overlap for a moment cannot undo each other.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha1

from projections.pipe import Pipe, pack
from projections.sessions import keys
from projections.sessions.keys import Held, Session

Device = tuple[str, str]
"""A user and one of its devices."""

GATEWAY_SECONDS = 15
"""How long a gateway counts as alive after it was last heard of."""

SESSIONS_SECONDS = 36 * 3_600
"""How long a user's sessions are held after one of them was announced; gateways announce each of
theirs again three times in it."""

_DEVICES_MAX = 32
"""With more devices than this, those of a user whose gateway is dead are removed."""


@dataclass(frozen=True, slots=True)
class GatewayHeard:
    """A gateway started under this epoch, or was still there. Took effect: it came to life now."""

    gateway_id: str
    gateway_epoch: str
    offset: int
    started: bool


@dataclass(frozen=True, slots=True)
class DeviceOpened:
    """A device has a new session. Took effect: this session is now the device's."""

    user_id: str
    session: Session
    position: int
    since: str | None = None
    """The token of heads that the device showed."""


@dataclass(frozen=True, slots=True)
class DeviceClosed:
    """A session ended. Took effect: it was still the device's."""

    user_id: str
    session: Session


Change = GatewayHeard | DeviceOpened | DeviceClosed

# A record that brought the gateway to life says so each time that it is read, for whoever crashed
# before acting on it. An older record than the last is stale. Of two epochs the started one wins.
_HEARD = """
local epoch, offset = ARGV[1], tonumber(ARGV[2])
local known = redis.call('GET', KEYS[1])
local last = redis.call('HMGET', KEYS[2], 'offset', 'alive_since')
if known == epoch and last[2] and tonumber(last[2]) == offset then return 1 end
if known and last[1] and tonumber(last[1]) >= offset then return 0 end
if known and known ~= epoch and ARGV[3] == '0' then return 0 end
redis.call('SET', KEYS[1], epoch, 'EX', ARGV[4])
redis.call('HSET', KEYS[2], 'offset', offset)
if known ~= epoch then redis.call('HSET', KEYS[2], 'alive_since', offset) end
redis.call('EXPIRE', KEYS[2], ARGV[4])
if known == epoch then return 0 end
return 1"""
_OPENED = """
local known = redis.call('HGET', KEYS[1], ARGV[1])
local position = known and tonumber(string.match(known, '|(%d+)$'))
if position and position > tonumber(ARGV[3]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[4])
if redis.call('HLEN', KEYS[1]) > tonumber(ARGV[5]) then
    local held = redis.call('HGETALL', KEYS[1])
    for at = 1, #held, 2 do
        local gateway, epoch = string.match(held[at + 1], '^([^|]*)|([^|]*)|')
        if redis.call('GET', 'gateway:' .. gateway) ~= epoch and held[at] ~= ARGV[1] then
            redis.call('HDEL', KEYS[1], held[at])
        end
    end
end
return 1"""
_CLOSED = """
local known = redis.call('HGET', KEYS[1], ARGV[1])
redis.call('SREM', KEYS[2], ARGV[3])
if not known or string.sub(known, 1, #ARGV[2]) ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
return 1"""
_SCRIPTS = (_HEARD, _OPENED, _CLOSED)
_HEARD_SHA, _OPENED_SHA, _CLOSED_SHA = (sha1(script.encode()).hexdigest() for script in _SCRIPTS)


class SessionStore:
    """Gateways and the sessions of devices."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe

    async def apply(self, changes: Sequence[Change]) -> list[bool]:
        """Apply changes in order, in one round trip; whether each took effect."""
        loads = [pack("SCRIPT", "LOAD", script) for script in _SCRIPTS]
        replies = await self._pipe.run([*loads, *map(_command, changes)])
        return [bool(reply) for reply in replies[len(loads) :]]

    async def held(self, devices: Collection[Device]) -> dict[Device, Held]:
        """The session of each device, living or not, and its position; absent where none is."""
        replies = await self._pipe.run(
            [pack("HGET", keys.sessions(user), device) for user, device in devices]
        )
        return {
            (user, device): keys.held_of(device, value)
            for (user, device), value in zip(devices, replies, strict=True)
            if value is not None
        }

    async def epochs(self, gateways: Collection[str]) -> Mapping[str, str | None]:
        """The living epoch of each gateway, or None."""
        if not gateways:
            return {}
        (epochs,) = await self._pipe.run([pack("MGET", *map(keys.gateway, gateways))])
        return dict(zip(gateways, epochs, strict=True))

    async def owe(self, devices: Mapping[Device, Session]) -> None:
        """Note sessions whose heads are still to be told in whole."""
        if devices:
            members = (keys.owed(user, session) for (user, _), session in devices.items())
            await self._pipe.run([pack("SADD", keys.OWED, *members)])

    async def owed(self, limit: int) -> dict[Device, Session]:
        """Some of the sessions whose heads are still to be told in whole."""
        (members,) = await self._pipe.run([pack("SRANDMEMBER", keys.OWED, limit)])
        found = map(keys.session_owed, members)
        return {(user, session.device_id): session for user, session in found}

    async def pay(self, devices: Mapping[Device, Session]) -> None:
        """These sessions were told, or are gone."""
        if devices:
            members = (keys.owed(user, session) for (user, _), session in devices.items())
            await self._pipe.run([pack("SREM", keys.OWED, *members)])


def _command(change: Change) -> bytes:
    match change:
        case GatewayHeard(gateway_id, epoch, offset, started):
            places = (keys.gateway(gateway_id), keys.gateway_position(gateway_id))
            values = (epoch, offset, int(started), GATEWAY_SECONDS)
            return pack("EVALSHA", _HEARD_SHA, 2, *places, *values)
        case DeviceOpened(user_id, session, position):
            value = keys.session_value(session, position)
            place = keys.sessions(user_id)
            bounds = (SESSIONS_SECONDS, _DEVICES_MAX)
            return pack(
                "EVALSHA", _OPENED_SHA, 1, place, session.device_id, value, position, *bounds
            )
        case DeviceClosed(user_id, session):
            prefix = f"{session.gateway_id}|{session.gateway_epoch}|{session.session_id}|"
            places = (keys.sessions(user_id), keys.OWED)
            owed = keys.owed(user_id, session)
            return pack("EVALSHA", _CLOSED_SHA, 2, *places, session.device_id, prefix, owed)
