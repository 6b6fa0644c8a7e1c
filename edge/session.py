"""One client's conversation with the gateway, as a state machine.

In: the text of a frame, the outcome of a token check, the outcome of a publication, and the time
(seconds of a clock that never goes back). Out: effects for the shell to carry out: submit, ask,
send, mark, check a token, close. It keeps: nothing but a token before authentication; who is
speaking is taken from the token and never from a frame; what a user may send and ask, and what a
socket may say and have waiting for Kafka, is limited; some texts in a row that are no frames, a
flood, or the end of its token end it. Pure: no socket, no clock.
"""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from edge.answers import (
    crowded,
    flooded,
    mistaken,
    not_believed,
    not_renewed,
    opened_too_often,
    out_of_reach,
    rate_limited,
    unavailable,
)
from edge.effects import Ask, Check, Close, Effects, Mark, MarkAll, Refuse, Reply, Submit
from edge.fields import Problem
from edge.frames import Fetch, Heads, Hello, Inbox, Token, parse
from edge.limits import Bucket, Limits, UserRates
from edge.reach import is_in_reach
from edge.tokens import Principal, Refusal
from events import frames
from events.features import table
from events.frames import CloseCode, ErrorCode
from events.queries import HeadsRequested, HistoryRequested, InboxRequested
from events.receipts import Marker

STRIKES_MAX = 3
"""Within a short time; each is forgotten after a minute."""

_STRIKES_FORGOTTEN_PER_MINUTE = 1

EARLY_MAX = 50
"""Answers that wait for the welcome; who asks for more before it is too fast."""

_SUBMIT, _MARK = table("edge.features", "SUBMIT"), table("edge.features", "MARK")

_NONE: Effects = ()
_OVER: Effects = (Close(CloseCode.TOKEN_EXPIRED, "token_expired"),)


class Session:
    """The state of one client's conversation."""

    __slots__ = (
        "_early",
        "_expires_at",
        "_frames",
        "_gateway",
        "_in_flight",
        "_limits",
        "_mistakes",
        "_renewals",
        "_started_at",
        "_strikes",
        "_users",
        "is_registered",
        "principal",
        "session_id",
        "since",
    )

    def __init__(
        self, gateway: tuple[str, str], limits: Limits, users: UserRates, now: float
    ) -> None:
        """`gateway` is its id and epoch; `users` is what all sessions of a gateway share."""
        self.principal: Principal | None = None
        self.session_id = 0
        self.is_registered = False
        """Whether the registry has it, and so answers reach it; then its client was welcomed."""
        self.since: str | None = None
        """The token of the last heads that the device was told in whole, as it showed it."""
        self._early: list[Reply | Refuse] = []
        self._gateway = gateway
        self._limits = limits
        self._started_at = now
        self._expires_at = 0.0
        self._frames = Bucket(limits.frames_per_minute, limits.frame_burst)
        self._users = users
        self._in_flight = 0
        self._mistakes = Bucket(limits.mistakes_per_minute, limits.mistake_burst)
        self._renewals = Bucket(limits.renewals_per_minute, limits.renewal_burst)
        self._strikes = Bucket(_STRIKES_FORGOTTEN_PER_MINUTE, STRIKES_MAX - 1)

    def receive(self, text: str, now: float) -> Effects:
        """A text frame came. After the token's time it is not taken, however late that is seen."""
        return self._in_turn(self._received(text, now))

    def _received(self, text: str, now: float) -> Effects:
        if self._is_over(now):
            return _OVER
        if self._frames.take(now):
            return flooded(self._limits)
        frame = parse(text)
        if type(frame) is Problem:
            return self._problem(frame, now)
        if self.principal is None:
            if type(frame) is Hello:
                self.since = frame.since
                return (Check(frame.token),)
            return (Close(CloseCode.NOT_AUTHENTICATED, "hello_first"),)
        request_id = getattr(frame, "id", None)
        if request_id is not None and not self.is_registered and type(frame) is not Token:
            return (unavailable(request_id),)
        if rule := _SUBMIT.get(type(frame)):
            return self._submit(rule(frame, self.principal), now)
        if rule := _MARK.get(type(frame)):
            return self._mark(rule(frame, self.principal), request_id, self.principal, now)
        if isinstance(frame, Fetch | Inbox | Heads):
            return self._ask(frame, self.principal, now)
        if type(frame) is Token:
            if wait_seconds := self._renewals.take(now):
                return (not_renewed(frame.id, "Too many tokens.", wait_seconds),)
            return (Check(frame.token, frame.id),)
        return self._problem(Problem(ErrorCode.BAD_REQUEST, "The session is open already."), now)

    def control(self, now: float) -> Effects:
        """A ping or pong came; they count as frames."""
        return flooded(self._limits) if self._frames.take(now) else _NONE

    def authenticated(
        self,
        principal: Principal,
        session_id: int,
        now: float,
        wall_now: float,
        request_id: str | None = None,
    ) -> Effects:
        """A token was believed. The first opens the session, later ones only prolong it: one that
        ends earlier than the present one changes nothing.

        The client is welcomed when the session can be reached: `registered`. `wall_now` is the same
        instant as seconds since 1970-01-01 UTC.
        """
        known = self.principal
        is_renewal = known is not None
        if known is not None and not _same_device(known, principal):
            error = not_renewed(request_id, "The token is that of another device.")
            return self._in_turn((error,))
        if known is None or principal.expires_at > known.expires_at:
            self.principal = known = principal
            self._expires_at = now + principal.expires_at - wall_now
        if is_renewal:
            expires_at = int(known.expires_at * 1000)
            reply = Reply(frames.token(expires_at=expires_at, request_id=request_id))
            return self._in_turn((reply,))
        self.session_id = session_id
        self._started_at = now
        return _NONE

    def registered(self, wall_now: float) -> Effects:
        """The registry has the session: what is answered to it reaches it. May be said again."""
        principal = self.principal
        if principal is None or self.is_registered:
            return _NONE
        self.is_registered = True
        early, self._early = self._early, []
        return (
            Reply(
                frames.welcome(
                    session_id=str(self.session_id),
                    user_id=principal.user_id,
                    device_id=principal.device_id,
                    heartbeat_seconds=self._limits.heartbeat_seconds,
                    server_time=int(wall_now * 1000),
                    token_expires_at=int(principal.expires_at * 1000),
                    limits=self._limits.announced(),
                )
            ),
            *early,
        )

    def refused(self, refusal: Refusal, request_id: str | None = None) -> Effects:
        """A token was not believed. A session that is open goes on until its own token ends."""
        if self.principal is None:
            return not_believed(refusal)
        return self._in_turn((not_renewed(request_id, refusal.detail, refusal.wait_seconds),))

    def refused_for_room(self) -> Effects:
        """The token is good, but its user has as many devices here as one may have."""
        return crowded()

    def refused_for_opens(self, wait_seconds: float) -> Effects:
        """The token is good, but its user has opened too many sessions of late."""
        return opened_too_often(wait_seconds)

    def confirmed(self) -> None:
        """A publication was confirmed by Kafka. What was decided will come as a fact."""
        self._in_flight -= 1

    def marked(self, request_id: str) -> Effects:
        """The log has all watermarks of a frame."""
        self._in_flight -= 1
        return (Reply(frames.marked(request_id)),)

    def unavailable(self, request_id: str) -> Effects:
        """A publication was not confirmed in time; the client may send the same again."""
        self._in_flight -= 1
        return (unavailable(request_id),)

    def tick(self, now: float) -> Effects:
        """Time has passed."""
        if self.principal is None:
            if now - self._started_at >= self._limits.hello_seconds:
                return (Close(CloseCode.NOT_AUTHENTICATED, "no_hello"),)
        elif self._is_over(now):
            return _OVER
        elif not self.is_registered and now - self._started_at >= self._limits.register_seconds:
            return (Close(CloseCode.TRY_LATER, "not_registered"),)
        return _NONE

    def _in_turn(self, effects: Effects) -> Effects:
        """The welcome is the first frame: what is answered before it waits for it, unless the
        session ends with it."""
        if self.is_registered or self.principal is None:
            return effects
        if any(isinstance(effect, Close) for effect in effects):
            return effects
        early = [effect for effect in effects if isinstance(effect, Reply | Refuse)]
        if len(self._early) + len(early) > EARLY_MAX:
            return flooded(self._limits)
        self._early += early
        return tuple(effect for effect in effects if not isinstance(effect, Reply | Refuse))

    def _is_over(self, now: float) -> bool:
        return self.principal is not None and now >= self._expires_at

    def _submit(self, event: Any, now: float) -> Effects:
        request_id = event.client_message_id
        if not is_in_reach(event.sender_id, event.conversation_id):
            return self._mistake(out_of_reach(request_id), now)
        if self._in_flight >= self._limits.in_flight:
            return (unavailable(request_id),)
        if wait_seconds := self._users.sends.take(event.sender_id, now):
            return (rate_limited(request_id, wait_seconds),)
        self._in_flight += 1
        return (Submit(event, event.conversation_id, request_id),)

    def _mark(
        self, markers: Sequence[Marker], request_id: str | None, sender: Principal, now: float
    ) -> Effects:
        if not all(is_in_reach(sender.user_id, one.conversation_id) for one in markers):
            return self._mistake(out_of_reach(request_id), now)
        if request_id is not None and self._in_flight >= self._limits.in_flight:
            return (unavailable(request_id),)
        if wait_seconds := self._users.marks.take(sender.user_id, now, len(markers)):
            return (rate_limited(request_id, wait_seconds),)
        if request_id is None:
            return tuple(map(Mark, markers))
        self._in_flight += 1
        return (MarkAll(tuple(markers), request_id),)

    def _ask(self, frame: Fetch | Inbox | Heads, asker: Principal, now: float) -> Effects:
        if self._in_flight >= self._limits.in_flight:
            return (unavailable(frame.id),)
        if wait_seconds := self._users.queries.take(asker.user_id, now):
            return (rate_limited(frame.id, wait_seconds),)
        self._in_flight += 1
        return (Ask(self._question(frame, asker), asker.user_id, frame.id),)

    def _question(self, frame: Fetch | Inbox | Heads, asker: Principal) -> Struct:
        gateway_id, gateway_epoch = self._gateway
        back: dict[str, Any] = {
            "request_id": frame.id,
            "user_id": asker.user_id,
            "device_id": asker.device_id,
            "gateway_id": gateway_id,
            "gateway_epoch": gateway_epoch,
            "session_id": self.session_id,
        }
        match frame:
            case Fetch():
                return HistoryRequested(
                    **back,
                    conversation_id=frame.conversation_id,
                    after_seq=frame.after,
                    before_seq=frame.before,
                    up_to_seq=frame.up_to,
                    limit=frame.limit,
                )
            case Inbox():
                return InboxRequested(**back, limit=frame.limit, cursor=frame.cursor)
            case Heads():
                return HeadsRequested(**back, cursor=frame.cursor)

    def _mistake(self, error: Refuse, now: float) -> Effects:
        """Answer a frame with wrong contents; it ends the socket only when there are very many."""
        return mistaken(self._limits) if self._mistakes.take(now) else (error,)

    def _problem(self, problem: Problem, now: float) -> Effects:
        error = Refuse(
            problem.code,
            frames.error(problem.code, problem.detail, request_id=problem.request_id),
        )
        if problem.strike and self._strikes.take(now):
            return (error, Close(CloseCode.POLICY_VIOLATION, "bad_frames"))
        return self._mistake(error, now)


def _same_device(one: Principal, other: Principal) -> bool:
    return one.user_id == other.user_id and one.device_id == other.device_id
