"""The client message ids that a retry would repeat, for some minutes of log time.

Millions may be held at once, so an id is kept as a 16-byte digest of who sent what where, and its
seq and time as one integer. Order is that of the log, so the oldest are in front. It stands in a
queue of its own, since to look for the first key of a dict is to pass by all that were deleted
before it: to forget a quarter of a million at once took minutes. Packed for a snapshot an id takes
32 bytes: digest, seq and time, big-endian.
"""

from collections import deque
from collections.abc import Iterator
from hashlib import blake2b
from struct import Struct as Layout

from events.features import HasSender

_LAYOUT = Layout(">16sQQ")
_SEQ_BITS = 48
_SEQ_MASK = (1 << _SEQ_BITS) - 1


def message_digest(sent: HasSender, client_message_id: str) -> bytes:
    """What a message id of this sender, device and conversation is remembered by."""
    # No two messages read alike: the first two are names, the last has always 36 characters.
    text = f"{sent.conversation_id}\n{sent.sender_id}\n{sent.device_id}\n{client_message_id}"
    return blake2b(text.encode(), digest_size=16).digest()


class Remembered:
    """Digests with the seq and time of their message, oldest first."""

    __slots__ = ("_entries", "_order")

    def __init__(self) -> None:
        self._entries: dict[bytes, int] = {}
        self._order: deque[bytes] = deque()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, digest: bytes) -> bool:
        return digest in self._entries

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Remembered) and list(self._entries.items()) == list(
            other._entries.items()
        )

    __hash__ = None  # type: ignore[assignment]

    def find(self, digest: bytes) -> tuple[int, int] | None:
        """The seq and time of a message, if it is still remembered."""
        entry = self._entries.get(digest)
        return None if entry is None else (entry & _SEQ_MASK, entry >> _SEQ_BITS)

    def add(self, digest: bytes, seq: int, sent_at: int) -> None:
        """Remember one more message, newer than all others."""
        if digest not in self._entries:
            self._order.append(digest)
        self._entries[digest] = sent_at << _SEQ_BITS | seq

    def forget(self, oldest: int) -> None:
        """Forget messages from before an instant in milliseconds."""
        entries, order = self._entries, self._order
        while order and entries[order[0]] >> _SEQ_BITS < oldest:
            del entries[order.popleft()]

    def packed(self, entries_at_once: int) -> Iterator[bytes]:
        """All entries in order, as pieces of so many entries."""
        pack = _LAYOUT.pack
        piece: list[bytes] = []
        for digest, entry in self._entries.items():
            piece.append(pack(digest, entry & _SEQ_MASK, entry >> _SEQ_BITS))
            if len(piece) == entries_at_once:
                yield b"".join(piece)
                piece = []
        if piece:
            yield b"".join(piece)

    def add_packed(self, piece: bytes) -> None:
        """Add what `packed` gave, in the same order."""
        for digest, seq, sent_at in _LAYOUT.iter_unpack(piece):
            self.add(digest, seq, sent_at)
