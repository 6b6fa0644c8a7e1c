"""What admission knows of one conversation: its numbers, and the features' parts."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class ConversationState:
    """One conversation: its newest numbers and its members' markers."""

    seq: int = 0
    message_number: int = 0
    markers: dict[tuple[str, str], int] = field(default_factory=dict)

    def marker(self, user_id: str, kind: str) -> int:
        """The highest seq that is delivered to, or read by, a member; 0 for none.

        What was read was delivered.
        """
        read = self.markers.get((user_id, "read"), 0)
        return read if kind == "read" else max(read, self.markers.get((user_id, kind), 0))
