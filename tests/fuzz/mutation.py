"""New inputs made of kept ones: a few edits, each of which keeps most of an input's form.

`mutated` draws one; `smallest` makes what did harm as small as it can be, by leaving parts out.
"""

from collections.abc import Callable, Sequence
from random import Random

BYTES_MAX = 20_000

TELLING = (
    *(b"\x00", b"\x01", b"\x02", b"\x7e", b"\x7f", b"\x80", b"\x81", b"\x88", b"\xfe", b"\xff"),
    b"\xff\xff\xff\xff\x0f",  # -2^31 as Avro writes it
    b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01",  # 2^63 - 1
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",  # -2^63
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",  # more than 64 bits
    *(b'"', b"\\", b"{", b"}", b"[", b"]", b":", b",", b"-", b"1e9", b"null", b"true"),
    *(b"\\u0000", b"\\ud800", b"\\udc00", b"\\u202e", b"9007199254740993", b'"id":"1"'),
    *("é".encode(), "\u202e".encode(), b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80"),
    *(b"d:ann:bob", b"d:eve:zoe", b"ann", b"\n", b"x" * 200),
)
"""Bytes at which a reader of lengths, of JSON, of UTF-8 or of ids may go wrong."""

Edit = Callable[[bytes, int, Random, Sequence[bytes]], bytes]


def mutated(random: Random, seeds: Sequence[bytes]) -> bytes:
    """A kept input with some edits, perhaps none."""
    data = random.choice(seeds)
    for _ in range(random.choice(_EDITS_AT_ONCE)):
        edit = random.choice(_EDITS)
        data = edit(data, random.randint(0, len(data)), random, seeds)[:BYTES_MAX]
    return data


def smallest(data: bytes, does_harm: Callable[[bytes], bool]) -> bytes:
    """The data without what can be left out; it still does harm."""
    size = len(data) // 2
    while size:
        start = 0
        while start < len(data):
            shorter = data[:start] + data[start + size :]
            if does_harm(shorter):
                data = shorter
            else:
                start += size
        size //= 2
    return data


def _flip(data: bytes, at: int, random: Random, seeds: Sequence[bytes]) -> bytes:
    """Another bit."""
    changed = bytes(byte ^ 1 << random.randrange(8) for byte in data[at : at + 1])
    return data[:at] + changed + data[at + 1 :]


def _put(data: bytes, at: int, random: Random, seeds: Sequence[bytes]) -> bytes:
    """Telling bytes in place of as many others."""
    some = _some(random)
    return data[:at] + some + data[at + len(some) :]


def _insert(data: bytes, at: int, random: Random, seeds: Sequence[bytes]) -> bytes:
    return data[:at] + _some(random) + data[at:]


def _remove(data: bytes, at: int, random: Random, seeds: Sequence[bytes]) -> bytes:
    return data[:at] + data[at + random.randint(1, 40) :]


def _repeat(data: bytes, at: int, random: Random, seeds: Sequence[bytes]) -> bytes:
    count = random.randint(1, 40)
    return data[:at] + data[at : at + count] * random.choice((2, 3, 300)) + data[at + count :]


def _splice(data: bytes, at: int, random: Random, seeds: Sequence[bytes]) -> bytes:
    """The end of another input."""
    other = random.choice(seeds)
    return data[:at] + other[random.randint(0, len(other)) :]


def _some(random: Random) -> bytes:
    return (
        random.choice(TELLING) if random.random() < 0.7 else random.randbytes(random.randint(1, 8))
    )


_EDITS_AT_ONCE = (0, 1, 1, 1, 1, 2, 2, 3, 6)
"""Mostly few: what one edit does is not undone by the next."""

_EDITS: tuple[Edit, ...] = (_flip, _flip, _flip, _put, _insert, _remove, _repeat, _splice)
