"""What counts as unread, as cases for the server and for the client (the table of ADR 0026).

A conversation is written as one letter per fact: who sent the message, or a dot for a fact that is
no message. The marker is the seq up to which Ann has said that she has read.
"""

from typing import NamedTuple

from events.queries import UNREAD_MAX

NAMES = {"a": "ann", "b": "bob", "c": "cid"}


class Case(NamedTuple):
    """A conversation, Ann's read marker in it, and how many messages she has not read."""

    what: str
    facts: str
    read: int
    unread: int


CASES = (
    Case("nothing was read", "bbb", 0, 3),
    Case("some was read", "bbbbb", 2, 3),
    Case("all was read", "bbb", 3, 0),
    Case("to answer is not to have read", "bbba", 0, 3),
    Case("an answer above the marker covers nothing below it", "bbabba", 1, 3),
    Case("written offline, sent before its writer saw five newer ones", "bbbbba", 0, 5),
    Case("one's own messages are never unread", "aaa", 0, 0),
    Case("own messages between those of others", "babab", 1, 2),
    Case("own messages at both ends", "abba", 0, 2),
    Case("the marker is at one's own message", "bab", 2, 1),
    Case("more than two people", "bcabcc", 1, 4),
    Case("facts that are no messages", "b..b.a.b.", 1, 2),
    Case("only facts that are no messages are newer", "bb...", 2, 0),
    Case("much was said", "b" * 250 + "ab", 100, 151),
)
"""What both count."""

SERVER_CASES = (
    Case("more than is counted", "b" * (UNREAD_MAX + 7), 0, UNREAD_MAX),
    Case("the last that is counted", "b" * (UNREAD_MAX - 1), 0, UNREAD_MAX - 1),
    Case("who only ever sends has nothing unread", "a" * (UNREAD_MAX + 7), 0, 0),
    Case("who sent too much to count it and was answered", "b" + "a" * (UNREAD_MAX + 7), 0,
         UNREAD_MAX),
    Case("an answer in an older bucket", "b" * 4_090 + "a" * 5 + "b" * 10, 4_088, 12),
    Case("the marker is in an older bucket", "b" * 4_090 + "ab" * 10, 4_085, 15),
)  # fmt: skip
"""What the server counts no further, or reads in several pieces."""
