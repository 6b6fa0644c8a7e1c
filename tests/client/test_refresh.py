"""The inbox is read until every conversation that matters was shown, whatever moves meanwhile."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from client import frames
from client.conversations import Conversation
from client.effects import Effects
from client.pace import Gate
from client.refresh import Refresh

PAGE = 2


class Server:
    """An inbox, newest first: a page says where the following one begins."""

    def __init__(self, names: list[str]) -> None:
        self.changed = {name: number for number, name in enumerate(reversed(names))}
        self.pages = 0

    def page(self, request_id: str, cursor: str | None) -> frames.Inbox:
        """What follows the cursor, which is the number of a change."""
        self.pages += 1
        below = float("inf") if cursor is None else int(cursor)
        order = sorted(self.changed, key=lambda one: -self.changed[one])
        names = [one for one in order if self.changed[one] < below]
        more = len(names) > PAGE
        return frames.Inbox(
            id=request_id,
            conversations=[item(one) for one in names[:PAGE]],
            next=str(self.changed[names[PAGE - 1]]) if more else None,
        )

    def rises(self, name: str) -> None:
        """It gets a message."""
        self.changed[name] = max(self.changed.values()) + 1


def item(name: str) -> frames.InboxItem:
    return frames.InboxItem(conversation_id=name, seq=1, unread=0, read=0, newest=None, receipts=[])


def walk(server: Server, wanted: list[str], rising: list[str]) -> set[str]:
    """Everything that was shown; after each page one conversation rises, for as long as any do."""
    ids = itertools.count()
    refresh = Refresh(lambda: f"r{next(ids)}")
    asked: list[tuple[str, str | None]] = []
    refresh._ask = lambda request_id, cursor: asked.append((request_id, cursor)) or b""  # type: ignore[func-returns-value]
    refresh.want([Conversation(one) for one in wanted])
    shown: set[str] = set()
    for number in range(1_000):
        refresh.pump(number, Gate("queries"), Effects())
        if not asked:
            break
        page = server.page(*asked.pop())
        shown |= {one.conversation_id for one in page.conversations}
        assert refresh.shown(page)
        if rising:
            server.rises(rising.pop())
    assert not refresh.unanswered
    return shown


NAMES = [f"d:ann:{name}" for name in "bcdefgh"]


@given(st.lists(st.sampled_from(NAMES), max_size=8), st.sets(st.sampled_from(NAMES)))
def test_whatever_rises_during_the_walk_is_shown_all_the_same(
    rising: list[str], wanted: set[str]
) -> None:
    assert walk(Server(NAMES), sorted(wanted), rising) >= wanted


def test_one_that_rises_above_the_following_page_is_met_from_the_top() -> None:
    assert NAMES[-1] in walk(Server(NAMES), [NAMES[0], NAMES[-1]], [NAMES[-1]])


def test_the_walk_ends_where_all_were_shown() -> None:
    server = Server(NAMES)
    walk(server, NAMES[:2], [])
    assert server.pages == 1


def test_what_is_not_in_the_inbox_is_looked_for_three_times_and_no_more() -> None:
    server = Server(NAMES)
    walk(server, ["d:ann:nobody"], [])
    assert server.pages == 3 * 4
