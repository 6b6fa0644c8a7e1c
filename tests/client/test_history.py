"""Reading back: without a hole, wherever the device and the pages of the server end."""

import pytest

from tests.client.devices import device
from tests.client.model import ModelServer
from tests.client.server import DROP, running, soon

CONVERSATION = "d:ann:bob"


@pytest.mark.parametrize("page_limit", [3, 100])
async def test_history_below_what_is_not_here_yet_has_no_hole(page_limit: int) -> None:
    model = ModelServer()
    for seq in range(1, 21):
        model.write("bob", CONVERSATION, str(seq))
    async with running(model) as server, device(server, "ann") as ann:
        await ann.until_caught_up(60)
        for seq in range(21, 61):
            model.write("bob", CONVERSATION, str(seq))
        model.page_limit = page_limit
        server.after = lambda _, frame: DROP if frame["type"] == "event" else None
        await soon(lambda: ann.online)
        found = await ann.history("bob", before=50, limit=40)
        assert [one.seq for one in found] == list(range(10, 50))


async def test_offline_history_shows_what_is_here_whatever_is_asked_for() -> None:
    model = ModelServer()
    for seq in range(1, 11):
        model.write("bob", CONVERSATION, str(seq))
    async with running(model) as server, device(server, "ann") as ann:
        await ann.until_caught_up(60)
        await server.stop()
        await soon(lambda: not ann.online)
        for before in (None, 11, 12, 50):
            found = await ann.history("bob", before=before)
            assert [one.seq for one in found] == list(range(1, 11))
