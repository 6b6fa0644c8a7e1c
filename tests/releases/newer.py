"""Makes a newer release of this checkout: its source in a folder of its own, with a few edits.

`FIELD` has a further field in a fact, which its admission fills. `EVENT` has a further event on the
fact topic beside: its admission refuses a reply to what is not there with ReplyRefused. Its
processes are real ones, run from that folder. An edit that no longer fits the source is an error.
"""

import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.checkout import CHECKOUT
from infra.settings import inherited_environment
from tests.packages import PACKAGES

EVENT_NAME = "ReplyRefused"
MOOD = "glad"

_CONVERSATIONS = "events/conversations.py"
_MESSAGES = "events/messages.py"
_DECIDER = "processors/admission/decider.py"
_RULES = "processors/admission/features/messages.py"
_ROUTING = "processors/fanout/routing.py"
_STATE = "processors/admission/state.py"
_SCHEMAS = "schemas/conversations"

Edit = tuple[str, str, str]
"""A file, what stands there once, and what shall stand there instead."""

FIELD: tuple[Edit, ...] = (
    (
        _MESSAGES,
        "    reply_to_seq: Seq | None = None\n    sent_at: Milliseconds\n",
        '    reply_to_seq: Seq | None = None\n    mood: str = ""\n    sent_at: Milliseconds\n',
    ),
    (_RULES, "        kind=submitted.kind,\n", f'        kind=submitted.kind, mood="{MOOD}",\n'),
    (
        f"{_SCHEMAS}/MessageSent.avsc",
        '  "fields": [\n',
        '  "fields": [\n    {"name": "mood", "type": "string", "doc": "A mood.", "default": ""},\n',
    ),
)
EVENT: tuple[Edit, ...] = (
    *FIELD,
    (
        _CONVERSATIONS,
        "class SubmissionRepeated(",
        f"class {EVENT_NAME}(SubmissionRejected, frozen=True, kw_only=True):\n"
        '    """A reply to what is not there was refused."""\n\n\n'
        "class SubmissionRepeated(",
    ),
    (f"{_SCHEMAS}/{EVENT_NAME}.avsc", '"name": "SubmissionRejected"', f'"name": "{EVENT_NAME}"'),
    (
        "events/topics.py",
        "        conversations.SubmissionRejected,\n",
        f"        conversations.SubmissionRejected,\n        conversations.{EVENT_NAME},\n",
    ),
    (
        "events/fence.py",
        "_DECISIONS = frozenset({",
        f"from events.conversations import {EVENT_NAME}\n\n_DECISIONS = frozenset({{{EVENT_NAME}, ",
    ),
    (
        _STATE,
        "    SubmissionRejected: _fold_refusal,\n",
        "    **dict.fromkeys((SubmissionRejected, *SubmissionRejected.__subclasses__()), "
        "_fold_refusal),\n",
    ),
    (
        _ROUTING,
        "    SubmissionRejected: _rejected,\n",
        "    **dict.fromkeys((SubmissionRejected, *SubmissionRejected.__subclasses__()), "
        "_rejected),\n",
    ),
    (
        _ROUTING,
        "SubmissionRepeated, SubmissionRejected})",
        "SubmissionRepeated, SubmissionRejected, *SubmissionRejected.__subclasses__()})",
    ),
    (
        _DECIDER,
        "    return SubmissionRejected(\n",
        f"    from events.conversations import {EVENT_NAME}\n\n"
        "    unknown_reply = refusal.code is RejectionCode.UNKNOWN_REPLY\n"
        f"    return ({EVENT_NAME} if unknown_reply else SubmissionRejected)(\n",
    ),
)


@dataclass(frozen=True, slots=True)
class Release:
    """The source of a release; without a folder it is this checkout."""

    folder: Path | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What a process of this release is told beside its settings."""
        return {} if self.folder is None else {"PYTHONPATH": str(self.folder)}

    def run(self, *arguments: str, settings: Mapping[str, str]) -> str:
        """Run one of its commands; what it printed. Raises AssertionError when it fails."""
        done = subprocess.run(
            [sys.executable, "-m", *arguments],
            env={**inherited_environment(), **settings, **self.environment},
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{arguments}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout


THIS = Release()


def make(folder: Path, edits: tuple[Edit, ...]) -> Release:
    """Write a newer release into a folder that is not there yet."""
    for package in PACKAGES:
        without = shutil.ignore_patterns("__pycache__")
        shutil.copytree(CHECKOUT / package, folder / package, ignore=without)
    rejected = folder / _SCHEMAS / "SubmissionRejected.avsc"
    if edits is EVENT:
        shutil.copy(rejected, rejected.with_name(f"{EVENT_NAME}.avsc"))
    for name, before, after in edits:
        file = folder / name
        text = file.read_text()
        assert text.count(before) == 1, f"{name} holds {text.count(before)} times {before!r}"
        file.write_text(text.replace(before, after))
    release = Release(folder)
    release.run("cli", "schemas", "lock", settings={})
    return release
