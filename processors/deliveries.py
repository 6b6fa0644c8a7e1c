"""Brings frames to a gateway that may be gone.

The topic of a gateway that is long gone is removed. Then nobody is left to serve: no failure.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from events.deliveries import RoutedFrame
from events.topics import delivery_topic
from infra.producer import UnknownTopic
from processors.context import Context
from processors.fanout.routing import Gateway, records


async def deliver(context: Context, group: str, gateway_id: str, event: Struct) -> None:
    """Publish one delivery and await its confirmation."""
    try:
        await context.publisher.publish(delivery_topic(gateway_id), event)
    except UnknownTopic:
        context.telemetry.records(group, "gateway_gone", 1)


async def deliver_frames(
    context: Context, group: str, routed: Mapping[Gateway, Sequence[RoutedFrame]]
) -> None:
    """Publish the frames of each gateway, in their order, in records of bounded size."""
    await all_of(
        deliver(context, group, gateway[0], record)
        for gateway, frames in routed.items()
        for record in records(gateway, frames)
    )


async def all_of(waiting: Iterable["asyncio.Future[None] | object"]) -> None:
    """Await everything, then raise the first failure: nothing goes on behind the caller's back."""
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)  # type: ignore[arg-type]
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
