"""What the suite's cases call a string is bytes: here it is carried as text, one character a byte.

Copied beside the suite's modules, which are made to import it; turned to bytes, and back, where the
protocol is spoken.
"""

import binascii as _binascii

from autobahn.websocket.protocol import WebSocketProtocol
from autobahn.websocket.utf8validator import Utf8Validator as _Utf8Validator


def to_bytes(value):
    return value.encode("latin-1") if isinstance(value, str) else value


def to_text(value):
    return value.decode("latin-1") if isinstance(value, (bytes, bytearray)) else value


class binascii:
    @staticmethod
    def b2a_hex(data):
        return _binascii.b2a_hex(to_bytes(data)).decode()

    @staticmethod
    def a2b_hex(text):
        return to_text(_binascii.a2b_hex(text))


class Utf8Validator(_Utf8Validator):
    def validate(self, data):
        return _Utf8Validator.validate(self, to_bytes(data))


class Spoken:
    """The base of the suite's protocol: what its cases send."""

    def sendMessage(self, payload, *rest, **more):
        return WebSocketProtocol.sendMessage(self, to_bytes(payload), *rest, **more)

    def sendFrame(self, opcode, payload=b"", *rest, **more):
        if more.get("mask"):
            more["mask"] = to_bytes(more["mask"])
        return WebSocketProtocol.sendFrame(self, opcode, to_bytes(payload), *rest, **more)

    def sendPing(self, payload=None):
        return WebSocketProtocol.sendPing(self, to_bytes(payload))

    def sendPong(self, payload=None):
        return WebSocketProtocol.sendPong(self, to_bytes(payload))

    def sendData(self, data, *rest, **more):
        return WebSocketProtocol.sendData(self, to_bytes(data), *rest, **more)

    def sendMessageFrameData(self, payload, *rest, **more):
        return WebSocketProtocol.sendMessageFrameData(self, to_bytes(payload), *rest, **more)

    def sendCloseFrame(self, code=None, reasonUtf8=None, isReply=False):
        return WebSocketProtocol.sendCloseFrame(self, code, to_bytes(reasonUtf8), isReply)
