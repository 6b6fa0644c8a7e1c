"""A change of what Redis holds under which key comes with another number of the layout."""

from infra.redis import LAYOUT, RedisPipe
from projections.heads.store import HeadsStore, Wanted
from projections.pipe import pack
from projections.routing.store import RoutingStore
from projections.sessions import keys as sessions
from projections.sessions.store import DeviceOpened, GatewayHeard, SessionStore
from tests.examples import ANN, CONVERSATION, PHONE

SAMPLES = {
    1: {
        "life": ("hash", {"word": "0123456789abcdef", "changes": "1"}),
        f"standing:{CONVERSATION}": ("zset", [["head", 9.0], [f"{ANN}|read", 8.0]]),
        f"recent:{ANN}": ("zset", [[CONVERSATION, 1.0]]),
        f"sessions:{ANN}": ("hash", {PHONE: "gateway-1|e1|1|11"}),
        "gateway:gateway-1": ("string", "e1"),
        "gateway-position:gateway-1": ("hash", {"offset": "7", "alive_since": "7"}),
        "owed": ("set", [f"{ANN}|{PHONE}|gateway-1|e1|1"]),
    }
}
"""What the writes below leave, by layout. Another content is another layout: raise `LAYOUT`, and
replace the sample."""

_READ = {
    "hash": ("HGETALL",),
    "zset": ("ZRANGE", 0, -1, "REV", "WITHSCORES"),
    "string": ("GET",),
    "set": ("SMEMBERS",),
}


async def test_what_is_written_is_of_this_layout(pipe: RedisPipe) -> None:
    store = SessionStore(pipe)
    session = sessions.Session(PHONE, "gateway-1", "e1", 1)
    await store.apply([GatewayHeard("gateway-1", "e1", 7, True), DeviceOpened(ANN, session, 11)])
    await store.owe({(ANN, PHONE): session})
    await HeadsStore(pipe).recent([Wanted(ANN, 9)], "0123456789abcdef")
    await RoutingStore(pipe).record_and_find(
        {CONVERSATION: 9}, {(CONVERSATION, ANN, "read"): 8}, [(ANN, CONVERSATION)], []
    )
    (names,) = await pipe.run([pack("KEYS", "*")])
    names = sorted(set(names) - {"run"})
    kinds = await pipe.run([pack("TYPE", name) for name in names])
    values = await pipe.run(
        [
            pack(_READ[kind][0], name, *_READ[kind][1:])
            for name, kind in zip(names, kinds, strict=True)
        ]
    )
    found = dict(zip(names, zip(kinds, values, strict=True), strict=True))
    assert {LAYOUT: found} == SAMPLES
