"""How a client behaves on its link, and where its tokens come from."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random

from client.backoff import backoff_seconds

TokenSource = Callable[[], Awaitable[str]]
"""Gives an access token; asked again before every connection.

A ClientError that it raises ends the client; after any other error it is asked again.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a client behaves on its link.

    A retry waits up to base * 2^n seconds, at most the cap; n begins anew after a connection that
    was stable. A token that takes longer than `token_seconds` counts as not given. A gateway may
    take a minute to learn a new signing key, so a token that is refused is followed by a fresh one,
    until `refused_tokens_max` of them were refused, or the same one twice.
    A proxy may answer 404 while it is deployed, so an address is given up only after
    `not_found_max` of them in a row.
    """

    heartbeat_seconds: float = 30.0
    token_refresh_seconds: float | None = None
    retry_base_seconds: float = 0.25
    retry_cap_seconds: float = 20.0
    stable_seconds: float = 5.0
    token_seconds: float = 10.0
    refused_tokens_max: int = 16
    not_found_max: int = 16

    def backoff(self, attempt: int, random: Random, at_least_seconds: float) -> float:
        """Seconds to wait before the next attempt."""
        return backoff_seconds(
            attempt,
            random,
            base_seconds=self.retry_base_seconds,
            cap_seconds=self.retry_cap_seconds,
            at_least_seconds=at_least_seconds,
        )
