"""Events as sentences: what `chatlog events tail` and `chatlog trace` say about a record.

In: a decoded event. Out: one line of plain text; features tell their own (`cli.features`). Pure.
Text that people wrote is quoted, cut and made harmless, so that a message cannot write on the
reader's terminal.
"""

import json

from msgspec import Struct

from cli.quoting import quoted
from events import conversations, deliveries, gateways, queries, sessions, snapshots
from events.features import table

_SENTENCES = table("cli.features", "SENTENCES")
_FRAMES = table("cli.features", "FRAMES")


def sentence(event: Struct) -> str:
    """What happened, in one line."""
    if tell := _SENTENCES.get(type(event)):
        return str(tell(event))
    match event:
        case conversations.WriterClaimed():
            return f"{event.writer_id} takes over as writer (this partition, and maybe more)"
        case conversations.SubmissionsRestarted():
            return (
                f"submissions are not those that were decided ({event.detail}): "
                f"reading begins at {event.submissions_from}"
            )
        case conversations.SubmissionRejected():
            return (
                f"a message of {event.sender_id} to {event.conversation_id} is refused: "
                f"{event.code}, {quoted(event.detail)}"
            )
        case conversations.SubmissionRepeated():
            return (
                f"{event.sender_id} ({event.device_id}) repeated message {event.seq} of "
                f"{event.conversation_id}; the first stands"
            )
        case _:
            return _of_readers(event)


def _of_readers(event: Struct) -> str:
    match event:
        case queries.HistoryRequested():
            side, seq = "after", event.after_seq
            if event.after_seq is None:
                side, seq = "before", event.before_seq
            return (
                f"{event.user_id} ({event.device_id}) asks for {event.limit} facts of "
                f"{event.conversation_id} {side} {seq}"
            )
        case queries.HeadsRequested():
            return f"{event.user_id} ({event.device_id}) asks for further heads"
        case queries.InboxRequested():
            return f"{event.user_id} ({event.device_id}) asks for {event.limit} conversations"
        case snapshots.SnapshotPartWritten():
            return (
                f"part {event.part} of the snapshot at fact {event.fact_offset}: "
                f"{len(event.conversations)} conversations"
            )
        case snapshots.SnapshotCompleted():
            return f"the snapshot at fact {event.fact_offset} is whole, {event.parts} parts"
        case _:
            return _of_gateways(event)


def _of_gateways(event: Struct) -> str:
    match event:
        case sessions.SessionOpened():
            return f"{event.user_id} ({event.device_id}) is connected to {event.gateway_id}"
        case sessions.SessionClosed():
            return f"{event.user_id} ({event.device_id}) left {event.gateway_id}"
        case gateways.GatewayStarted():
            return f"{event.gateway_id} starts"
        case gateways.GatewayAlive():
            return f"{event.gateway_id} is alive with {event.sessions} sessions"
        case gateways.GatewayDraining():
            return f"{event.gateway_id} takes no new sockets and sends its clients elsewhere"
        case deliveries.FramesRouted():
            return f"to {event.gateway_id}: " + "; ".join(
                f"{described(routed.frame)} to {_sessions(len(routed.session_ids))}"
                for routed in event.frames
            )
        case deliveries.SessionsRegistered():
            return f"{event.gateway_id}: {_sessions(len(event.session_ids))} can be reached"
        case deliveries.SessionReplaced():
            return f"{event.gateway_id} is to close session {event.session_id}: there is a newer"
        case deliveries.AnnouncementRequested():
            return f"{event.gateway_id} is to announce its sessions again"
    return type(event).__name__


def described(frame: bytes) -> str:
    """What a client frame says, in a few words."""
    try:
        content = json.loads(frame)
        kind = content["type"]
    except (ValueError, TypeError, KeyError):
        return f"{len(frame)} bytes"
    if isinstance(kind, str) and (tell := _FRAMES.get(kind)):
        return str(tell(content))
    match kind:
        case "accepted" | "rejected":
            return f"{kind} {content.get('id')}"
        case "heads":
            return f"heads of {len(content.get('heads', ()))} conversations"
        case "page":
            return f"page of {len(content.get('events', ()))} facts"
    return str(kind)


def _sessions(count: int) -> str:
    return "1 session" if count == 1 else f"{count} sessions"
