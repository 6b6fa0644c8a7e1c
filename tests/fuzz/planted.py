"""Faults, each planted in the real code by itself: a target is worth what is found of these.

Each is a bound or a check that a hasty change might leave out. The hunt for it starts from kept
inputs that it does no harm to (all of them, or those `near` it), so it is found by changing them.
"""

from collections.abc import Callable
from io import BytesIO
from typing import Any
from uuid import UUID

import pytest
from fastavro import schemaless_reader

from edge import frames, strict_json, wire
from edge.features import messages, receipts
from events.codec import Codec, DecodeError
from processors.admission import agent
from processors.admission.features import receipts as receipt_rules

Plant = Callable[[pytest.MonkeyPatch], None]

PLANTED: dict[str, tuple[str, str, Plant]] = {}
"""The target that shows it, what inputs to start from are called, and what plants it."""


def _planted(target: str, near: str = "") -> Callable[[Plant], Plant]:
    def add(plant: Plant) -> Plant:
        PLANTED[plant.__name__] = (target, near, plant)
        return plant

    return add


@_planted("wire")
def a_length_is_believed(patch: pytest.MonkeyPatch) -> None:
    begin = wire.Reader.__init__
    patch.setattr(wire.Reader, "__init__", lambda self, bytes_max: begin(self, 1 << 70))


@_planted("wire")
def the_reason_of_a_close_is_taken_for_ascii(patch: pytest.MonkeyPatch) -> None:
    control = wire._control

    def hasty(opcode: int, payload: bytes) -> wire.Message:
        if opcode == wire.CLOSE:
            payload[2:].decode("ascii")
        return control(opcode, payload)

    patch.setattr(wire, "_control", hasty)


@_planted("frames")
def a_conversation_is_taken_apart_unseen(patch: pytest.MonkeyPatch) -> None:
    for module in (frames, messages, receipts):
        patch.setattr(module, "is_conversation", lambda text: bool(text.split(":")[1]))


@_planted("frames")
def a_field_given_twice_slips_through(patch: pytest.MonkeyPatch) -> None:
    def hasty(text: str) -> Any:
        try:
            value = strict_json._decode_fast(text)
        except (ValueError, RecursionError):
            return None
        return value if type(value) is dict and len(value) <= strict_json.FIELDS_MAX else None

    patch.setattr(strict_json, "_simple", hasty)


@_planted("codec")
def only_some_errors_of_avro_are_expected(patch: pytest.MonkeyPatch) -> None:
    decode = Codec.decode

    def hasty(self: Codec, data: bytes) -> Any:
        if data[:5] in self._readers:
            _, written, current = self._readers[data[:5]]
            try:
                schemaless_reader(BytesIO(data[5:]), written, current)
            except (EOFError, UnicodeDecodeError) as error:
                raise DecodeError("malformed", "") from error
        return decode(self, data)

    patch.setattr(Codec, "decode", hasty)


@_planted("codec")
def bytes_behind_the_end_are_passed_over(patch: pytest.MonkeyPatch) -> None:
    decode = Codec.decode

    def lenient(self: Codec, data: bytes) -> Any:
        try:
            return decode(self, data)
        except DecodeError as error:
            if "after the end" not in error.detail:
                raise
            return decode(self, data[:-1])

    patch.setattr(Codec, "decode", lenient)


@_planted("codec")
def a_loop_has_no_end(patch: pytest.MonkeyPatch) -> None:
    decode = Codec.decode

    def endless(self: Codec, data: bytes) -> Any:
        while data[5:7] == b"\xff\xff":
            pass
        return decode(self, data)

    patch.setattr(Codec, "decode", endless)


@_planted("admission")
def a_message_id_is_taken_for_a_uuid(patch: pytest.MonkeyPatch) -> None:
    decide = agent.decide

    def hasty(state: Any, submitted: Any, place: Any) -> Any:
        UUID(submitted.client_message_id)
        return decide(state, submitted, place)

    patch.setattr(agent, "decide", hasty)


@_planted("admission", near="delivered")
def a_marker_may_pass_the_newest_fact(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(receipt_rules, "min", lambda marker, newest: marker, raising=False)
