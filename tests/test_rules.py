"""Our own rules hold everywhere, and each finds the mistakes that are planted for it."""

import ast
from pathlib import Path

import pytest

from tests.rules import RULES, broken
from tests.test_architecture import ROOT, sources


@pytest.mark.parametrize("path", list(sources()), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_breaks_a_rule(path: Path) -> None:
    assert broken(path.read_text(), str(path.relative_to(ROOT))) == []


PLANTED = {
    "tokens_are_believed_in_one_place": [
        ("edge/door.py", "jwt.decode(token, key, algorithms=['EdDSA'])"),
        ("edge/tokens.py", "jwt.decode(token, key)"),
        ("edge/tokens.py", "jwt.decode(t, k, algorithms=a, options={'verify_signature': False})"),
        ("edge/tokens.py", "jwt.decode(token, key, algorithms=['EdDSA', 'none'])"),
    ],
    "agents_are_guarded": [
        ("processors/history.py", "@app.agent(channel)\nasync def take(stream): ..."),
        ("processors/new.py", "@context.app.agent\nasync def take(stream): ..."),
    ],
    "errors_are_not_swallowed": [
        ("edge/hub.py", "try:\n    act()\nexcept Exception:\n    pass"),
        ("edge/hub.py", "for one in all:\n    try:\n        act()\n    except:\n        continue"),
        ("infra/redis.py", "with contextlib.suppress(Exception):\n    act()"),
    ],
    "statements_are_constants": [
        ("projections/inbox/store.py", "await self._database.read(f'SELECT x FROM {table}')"),
        ("processors/reader.py", "database.write([('a', ())]); database.read('A' + name)"),
        ("replay/models.py", "session.execute('SELECT %s' % name)"),
        ("replay/models.py", "session.prepare('SELECT {}'.format(name))"),
    ],
    "text_is_judged_in_one_place": [
        ("cli/story.py", "''.join(c for c in text if c.isprintable())"),
        ("edge/frames.py", "filter(str.isprintable, text)"),
    ],
    "output_may_fail": [
        ("cli/dead.py", "Console(highlight=False).print(table)"),
        ("cli/chat/plain.py", "rich.console.Console()"),
    ],
    "clocks_know_their_zone": [
        ("infra/logs.py", "datetime.now()"),
        ("infra/logs.py", "datetime.datetime.utcnow()"),
        ("cli/story.py", "datetime.fromtimestamp(seconds)"),
        ("cli/story.py", "date.today()"),
    ],
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_each_rule_finds_what_is_planted_for_it(rule: object) -> None:
    name = rule.__name__  # type: ignore[attr-defined]
    for path, source in PLANTED[name]:
        found = list(rule(ast.parse(source), path))  # type: ignore[operator]
        assert found, f"{name} misses {source!r} in {path}"


def test_what_is_right_breaks_no_rule() -> None:
    right = (
        "claims = jwt.decode(token, key, algorithms=['EdDSA'])\n"
        "datetime.now(UTC)\n"
        "datetime.fromtimestamp(seconds, tz=UTC)\n"
        "rows = database.read(_READ, [name])\n"
        "try:\n    act()\nexcept ValueError:\n    pass\n"
    )
    assert broken(right, "edge/tokens.py") == []
