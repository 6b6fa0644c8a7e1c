"""Brings frames to a gateway that may be gone.

The topic of a gateway that is long gone is removed. Then nobody is left to serve: no failure.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from events.deliveries import AnsweredUpTo, RoutedFrame
from events.topics import delivery_topic
from infra.producer import UnknownTopic
from processors.context import Context
from processors.fanout.routing import Gateway, records


def publish_frames(
    context: Context,
    routed: Mapping[Gateway, Sequence[RoutedFrame]],
    answered: tuple[AnsweredUpTo, ...] = (),
) -> list["asyncio.Future[int]"]:
    """Publish the frames of each gateway, in their order, in records of bounded size."""
    return [
        context.publisher.publish(delivery_topic(gateway[0]), record)
        for gateway, frames in routed.items()
        for record in records(gateway, frames, answered)
    ]


async def confirmed(
    context: Context, group: str, published: Sequence["asyncio.Future[int]"]
) -> None:
    """Wait until Kafka has all that has somebody to go to. Raises what the producer raises."""
    for outcome in await asyncio.gather(*published, return_exceptions=True):
        if isinstance(outcome, UnknownTopic):
            context.telemetry.records(group, "gateway_gone", 1)
        elif isinstance(outcome, BaseException):
            raise outcome


async def deliver(context: Context, group: str, events: Iterable[tuple[str, Struct]]) -> None:
    """Publish events to gateways, and wait until Kafka has them."""
    published = [
        context.publisher.publish(delivery_topic(gateway_id), event) for gateway_id, event in events
    ]
    await confirmed(context, group, published)
