"""A small model of the server for the tests of the client: the protocol's rules without its parts.

It keeps one list of facts per conversation, remembers client message ids for as long as they may be
admitted again, refuses what overtakes and what its id says is too old or too early, and answers
fetches and inboxes. In go a device and a frame; out come frames and the device that each is for.
Tests make it forget, fail and lose.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

STALE_MS = 600_000
AHEAD_MS = 300_000
REMEMBERED_MS = STALE_MS + AHEAD_MS

Device = tuple[str, str]
Frame = dict[str, Any]


def made_at(message_id: str) -> int:
    assert message_id[14] == "7", message_id
    return int(message_id[:8] + message_id[9:13], 16)


def members(conversation_id: str) -> list[str]:
    return sorted(set(conversation_id.split(":")[1:]))


@dataclass
class ModelServer:
    now: int = 1_000_000
    log: dict[str, list[Frame]] = field(default_factory=lambda: defaultdict(list))
    ids: dict[tuple[str, Device, str], tuple[int, int]] = field(default_factory=dict)
    markers: dict[tuple[str, str, str], int] = field(default_factory=lambda: defaultdict(int))
    devices: set[Device] = field(default_factory=set)
    page_limit: int = 100
    inbox_limit: int = 50
    limits: dict[str, int] = field(default_factory=dict)
    repeats: int = 0

    def conversations(self, user: str) -> list[str]:
        return [name for name, log in self.log.items() if log and user in members(name)]

    def heads(self, user: str) -> Frame:
        heads = {name: len(self.log[name]) for name in self.conversations(user)}
        return {"type": "heads", "heads": heads, "more": False}

    def welcome(self, device: Device) -> Frame:
        return {
            "type": "welcome",
            "session_id": "1",
            "user_id": device[0],
            "device_id": device[1],
            "heartbeat_seconds": 30,
            "server_time": self.now,
            "limits": self.limits,
        }

    def handle(self, device: Device, frame: Frame) -> list[tuple[Device, Frame]]:
        """What a frame of a device leads to."""
        match frame["type"]:
            case "send":
                return self._send(device, frame)
            case "delivered" | "read":
                return self._marker(device, frame["type"], frame["conversation_id"], frame["seq"])
            case "marks":
                moves = [
                    moved
                    for kind in ("delivered", "read")
                    for conversation_id, seq in frame[kind]
                    for moved in self._marker(device, kind, conversation_id, seq)
                ]
                return [*moves, (device, {"type": "marked", "id": frame["id"]})]
            case "fetch":
                return [(device, self._page(frame))]
            case "inbox":
                return [(device, self._inbox(device, frame))]
        return [(device, {"type": "error", "code": "unknown_type", "detail": frame["type"]})]

    def _send(self, device: Device, frame: Frame) -> list[tuple[Device, Frame]]:
        to = frame["to"]
        conversation_id = to if ":" in to else "d:" + ":".join(sorted((device[0], to)))
        known = self._remembered(conversation_id, device, frame["id"])
        if known is not None:
            self.repeats += 1
            return [(device, _accepted(frame["id"], conversation_id, *known))]
        refusal = self._refusal(conversation_id, device, frame)
        if refusal is not None:
            rejected = {"type": "rejected", "id": frame["id"], "detail": ""}
            rejected |= {"conversation_id": conversation_id, "code": refusal, "at": self.now}
            return [(device, rejected)]
        event = self._append(conversation_id, device, frame)
        seq = event["seq"]
        self.ids[conversation_id, device, frame["id"]] = (seq, self.now)
        others = [(d, event) for d in self._devices(conversation_id) if d != device]
        return [(device, _accepted(frame["id"], conversation_id, seq, self.now)), *others]

    def write(self, user: str, conversation_id: str, body: str) -> None:
        """A message that was sent before anybody looked."""
        frame = {"id": f"{conversation_id}/{body}", "kind": "text", "body": body}
        self._append(conversation_id, (user, "before"), frame)

    def _append(self, conversation_id: str, device: Device, frame: Frame) -> Frame:
        log = self.log[conversation_id]
        seq = len(log) + 1
        event = {
            "type": "event",
            "event": "message",
            "conversation_id": conversation_id,
            "seq": seq,
            "number": seq,
            "sender_id": device[0],
            "device_id": device[1],
            "id": frame["id"],
            "kind": frame["kind"],
            "body": frame["body"],
            "reply_to": frame.get("reply_to"),
            "sent_at": self.now,
        }
        log.append(event)
        return event

    def _refusal(self, conversation_id: str, device: Device, frame: Frame) -> str | None:
        if device[0] not in members(conversation_id):
            return "forbidden"
        if made_at(frame["id"]) < self.now - STALE_MS:
            return "stale"
        if made_at(frame["id"]) > self.now + AHEAD_MS:
            return "too_early"
        after = frame.get("after")
        if after is not None and self._remembered(conversation_id, device, after) is None:
            return "unknown_after" if made_at(after) < self.now - STALE_MS else "out_of_order"
        return None

    def _remembered(
        self, conversation_id: str, device: Device, message_id: str
    ) -> tuple[int, int] | None:
        found = self.ids.get((conversation_id, device, message_id))
        return found if found is not None and found[1] >= self.now - REMEMBERED_MS else None

    def _marker(
        self, device: Device, kind: str, conversation_id: str, seq: int
    ) -> list[tuple[Device, Frame]]:
        assert seq <= len(self.log[conversation_id]), "a watermark beyond the head"
        key = (conversation_id, device[0], kind)
        if seq <= self.markers[key]:
            return []
        self.markers[key] = seq
        receipt = {"type": "receipt", "conversation_id": conversation_id, "user_id": device[0]}
        receipt |= {"kind": kind, "seq": seq, "at": self.now}
        return [
            (d, receipt)
            for d in self._devices(conversation_id)
            if kind == "read" or d[0] != device[0]
        ]

    def _page(self, frame: Frame) -> Frame:
        conversation_id = frame["conversation_id"]
        log = self.log[conversation_id]
        limit = min(frame["limit"], self.page_limit)
        if "after" in frame:
            events = log[frame["after"] : frame["after"] + limit]
            more = frame["after"] + limit < len(log)
            following = events[-1]["seq"] if events and more else None
        else:
            events = log[: frame["before"] - 1][-limit:]
            following = events[0]["seq"] if events and events[0]["seq"] > 1 else None
        page = {"type": "page", "id": frame["id"], "conversation_id": conversation_id}
        return page | {"events": events, "next": following, "receipts": self._both(conversation_id)}

    def _inbox(self, device: Device, frame: Frame) -> Frame:
        names = self.conversations(device[0])
        begin = int(frame.get("cursor", 0))
        end = begin + min(frame["limit"], self.inbox_limit)
        items = [
            {
                "conversation_id": name,
                "seq": len(self.log[name]),
                "unread": sum(
                    event["seq"] > self.markers[name, device[0], "read"]
                    and event["sender_id"] != device[0]
                    for event in self.log[name]
                ),
                "read": self.markers[name, device[0], "read"],
                "newest": self.log[name][-1] | {"preview": self.log[name][-1]["body"]},
                "receipts": self._both(name),
            }
            for name in names[begin:end]
        ]
        inbox = {"type": "inbox", "id": frame["id"], "conversations": items}
        return inbox | {"next": str(end) if end < len(names) else None}

    def _both(self, conversation_id: str) -> list[Frame]:
        return [
            {
                "user_id": user,
                "delivered": self.markers[conversation_id, user, "delivered"],
                "read": self.markers[conversation_id, user, "read"],
            }
            for user in members(conversation_id)
        ]

    def _devices(self, conversation_id: str) -> list[Device]:
        return sorted(d for d in self.devices if d[0] in members(conversation_id))


def _accepted(message_id: str, conversation_id: str, seq: int, sent_at: int) -> Frame:
    frame = {"type": "accepted", "id": message_id, "conversation_id": conversation_id}
    return frame | {"seq": seq, "sent_at": sent_at}
