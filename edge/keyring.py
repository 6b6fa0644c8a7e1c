"""Checks tokens with the keys of a JWKS file, and remembers those it has checked.

A signature costs about as much CPU as five messages, so a believed token is remembered until it
expires (a bounded number of them). How many others are looked at is bounded where they come from:
by the rates of handshakes, of which each brings one, and of renewals in a session. An address from
which too many bad ones came is told to wait, which its next bad one is told again; a good token is
believed whoever its neighbours are. The file is read again when it has changed: looked at once a
minute, and on a token with an unknown key, but never more than once a minute. Whom a key vouched
for that is not in it any more is not believed any longer, connected or not.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import structlog

from edge.limits import Rates
from edge.tokens import BadKeys, Keys, Principal, Refusal, keys_of, verify
from infra.errors import UserError
from infra.settings import EXIT_CONFIG, TokenSettings

REMEMBERED_MAX = 20_000
RELOAD_SECONDS = 60.0

log = structlog.get_logger()


class Keyring:
    """The keys in force, and the tokens they have vouched for."""

    def __init__(
        self,
        settings: TokenSettings,
        *,
        bad_tokens_per_minute: int,
        on_changed: Callable[[], None] = lambda: None,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._on_changed = on_changed
        self._now = now
        self._clock = clock
        self._bad_tokens = Rates(bad_tokens_per_minute, bad_tokens_per_minute)
        self._remembered: OrderedDict[str, Principal] = OrderedDict()
        self._seen: tuple[int, int] | None = None
        self._looked_at = float("-inf")
        self._keys: Keys = {}

    def load(self) -> None:
        """Read the keys; for the start of the program. Raises UserError."""
        try:
            self._read(self._settings.jwks_file)
        except (OSError, BadKeys) as error:
            raise UserError(
                "bad_token_keys",
                f"The token keys in {self._settings.jwks_file} cannot be used: {error}.",
                "Set CHAT_TOKEN_JWKS_FILE to the JWKS of the identity provider.",
                exit_status=EXIT_CONFIG,
            ) from error

    def refresh(self) -> None:
        """Read the file again if it changed; at most once a minute. Bad keys change nothing."""
        now = self._clock()
        if now - self._looked_at < RELOAD_SECONDS:
            return
        self._looked_at = now
        try:
            self._read(self._settings.jwks_file)
        except (OSError, BadKeys) as error:
            log.error("token keys not read", error=str(error))

    def believes(self, principal: Principal) -> bool:
        """Whether the key that vouched for somebody is still in force."""
        return principal.key_id in self._keys

    async def keep_fresh(self) -> None:
        """Look at the file once a minute, until cancelled."""
        while True:
            await asyncio.sleep(RELOAD_SECONDS)
            self.refresh()

    def check(self, token: str, address: str) -> Principal | Refusal:
        """Whom a token from this address names, or why it is refused."""
        now = self._now()
        remembered = self._remembered.get(token)
        if remembered is not None and now < remembered.expires_at:
            return remembered
        outcome = self._verify(token, now)
        if isinstance(outcome, Refusal) and outcome.unknown_key:
            self.refresh()
            outcome = self._verify(token, now)
        if isinstance(outcome, Refusal):
            if wait_seconds := self._bad_tokens.take(address, self._clock()):
                return Refusal("too many bad tokens came from there", wait_seconds=wait_seconds)
        else:
            self._remember(token, outcome)
        return outcome

    def _remember(self, token: str, principal: Principal) -> None:
        if len(self._remembered) >= REMEMBERED_MAX:
            self._remembered.popitem(last=False)
        self._remembered[token] = principal

    def _verify(self, token: str, now: float) -> Principal | Refusal:
        return verify(
            token,
            self._keys,
            now,
            issuer=self._settings.issuer,
            audience=self._settings.audience,
            leeway_seconds=self._settings.leeway_seconds,
        )

    def _read(self, path: Path) -> None:
        status = path.stat()
        seen = (status.st_mtime_ns, status.st_ino)
        if seen != self._seen:
            production = self._settings.environment == "production"
            self._keys = keys_of(path.read_bytes(), production=production)
            self._seen = seen
            self._remembered.clear()
            self._on_changed()
