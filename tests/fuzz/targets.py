"""The targets by name. Each is a function of bytes that gives its outcome, or raises a fault."""

from tests.fuzz import admission, codec, frames, wire
from tests.fuzz.hunt import Target

TARGETS: dict[str, Target] = {
    "admission": admission.admit,
    "codec": codec.decode,
    "frames": frames.receive,
    "wire": wire.feed,
}
