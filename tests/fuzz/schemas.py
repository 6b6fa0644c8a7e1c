"""The codec of kept records: schema ids and schemas as they were when the records were written.

`corpus/schemas.json` has the form of the file that applying the schemas writes. It is never changed
but for new entries, so kept records stay what they are when an event gets another field: they are
read like old records of a real log. Today's schemas follow under ids of their own. Id 900 is a
MessageSubmitted from before `first_sent_at`, 901 one with `submitted_at`.
"""

import json
from collections.abc import Iterator
from typing import Any

from events.codec import EVENTS, Codec, schema_of
from tests.fuzz.corpus import CORPUS

_TODAY = 10_000


def _entries() -> Iterator[tuple[int, str, dict[str, Any]]]:
    for entry in json.loads((CORPUS / "schemas.json").read_text())["schemas"]:
        yield entry["id"], entry["event"], entry["schema"]
    for number, (name, event) in enumerate(EVENTS.items(), _TODAY):
        yield number, name, schema_of(event)


def codec() -> Codec:
    """A codec that knows the ids of kept records."""
    return Codec(_entries())
