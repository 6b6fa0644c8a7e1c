"""Mistakes that this project must never make, as rules over the syntax tree of a file.

In: the source of a file and its path from the root. Out: a sentence for each place where a rule is
broken. Ruff has rules for everybody; these are ours.
"""

import ast
from collections.abc import Callable, Iterator

Rule = Callable[[ast.Module, str], Iterator[tuple[int, str]]]

RULES: list[Rule] = []

_TOKENS = "edge/tokens.py"
_QUERYING = frozenset({"execute", "execute_async", "prepare", "read", "pages"})
_CLOCKS = frozenset({"now", "utcnow", "today", "fromtimestamp", "utcfromtimestamp"})


def broken(source: str, path: str) -> list[str]:
    """Every place where a rule is broken."""
    tree = ast.parse(source)
    return [f"{path}:{line}: {what}" for rule in RULES for line, what in rule(tree, path)]


def _rule(rule: Rule) -> Rule:
    RULES.append(rule)
    return rule


@_rule
def tokens_are_believed_in_one_place(tree: ast.Module, path: str) -> Iterator[tuple[int, str]]:
    """A token is decoded by `edge.tokens` alone, and there with its signature."""
    for call in _calls(tree):
        if _name(call.func) != "jwt.decode":
            continue
        if path != _TOKENS:
            yield call.lineno, f"a token is decoded outside of {_TOKENS}"
        if "algorithms" not in {one.arg for one in call.keywords}:
            yield call.lineno, "a token is decoded by whatever algorithm it names"
        for keyword in call.keywords:
            if keyword.arg == "algorithms" and "none" in _texts(keyword.value):
                yield call.lineno, "a token may have no signature"
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node.value == "verify_signature":
            yield node.lineno, "a signature may be left unchecked"


@_rule
def agents_are_guarded(tree: ast.Module, path: str) -> Iterator[tuple[int, str]]:
    """Faust acknowledges an event whose agent raised: agents are made by `app.batches` alone."""
    if path == "processors/app.py":
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for one in node.decorator_list:
                target = one.func if isinstance(one, ast.Call) else one
                if _name(target).endswith(".agent"):
                    yield node.lineno, "an agent that no guard keeps its exceptions from"


@_rule
def errors_are_not_swallowed(tree: ast.Module, path: str) -> Iterator[tuple[int, str]]:
    """Who catches everything does something about it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            types = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            caught = {"" if one is None else _name(one) for one in types}
            passes = all(isinstance(one, ast.Pass | ast.Continue) for one in node.body)
            if passes and not caught.isdisjoint(("", "Exception", "BaseException")):
                yield node.lineno, "every error is swallowed"
    for call in _calls(tree):
        if _name(call.func) in ("contextlib.suppress", "suppress"):
            for one in call.args:
                if _name(one) in ("Exception", "BaseException"):
                    yield call.lineno, "every error is swallowed"


@_rule
def statements_are_constants(tree: ast.Module, path: str) -> Iterator[tuple[int, str]]:
    """CQL is prepared from a constant; what comes from outside is a value, never text."""
    if not path.startswith(("projections/", "processors/", "replay/", "edge/")):
        return
    for call in _calls(tree):
        method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        if method in _QUERYING and call.args and _is_made(call.args[0]):
            yield call.lineno, "a statement is put together from text"


@_rule
def clocks_know_their_zone(tree: ast.Module, path: str) -> Iterator[tuple[int, str]]:
    """An instant is milliseconds since 1970 or has a zone; a naive clock has neither."""
    for call in _calls(tree):
        name = _name(call.func)
        kind, _, method = name.rpartition(".")
        if kind.rpartition(".")[2] not in ("datetime", "date") or method not in _CLOCKS:
            continue
        zoned = any(one.arg in ("tz", "tzinfo") for one in call.keywords) or len(call.args) > (
            method == "fromtimestamp"
        )
        if method in ("utcnow", "today", "utcfromtimestamp") or not zoned:
            yield call.lineno, "a clock without a zone"


@_rule
def text_is_judged_in_one_place(tree: ast.Module, path: str) -> Iterator[tuple[int, str]]:
    """Python's opinion of what is printable refuses joiners, hard spaces and new emoji."""
    for node in ast.walk(tree):
        if (
            path != "events/text.py"
            and isinstance(node, ast.Attribute)
            and node.attr == "isprintable"
        ):
            yield node.lineno, "text is judged outside of events/text.py"


@_rule
def output_may_fail(tree: ast.Module, path: str) -> Iterator[tuple[int, str]]:
    """A console of rich ends the program when its reader leaves, and breaks lines in pipes."""
    for call in _calls(tree):
        name = _name(call.func).rpartition(".")[2]
        if name == "Console" and path.startswith("cli/") and path != "cli/terminal.py":
            yield call.lineno, "a console that is not made by cli/terminal.py"


def _calls(tree: ast.Module) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _texts(node: ast.expr) -> set[object]:
    return {one.value for one in ast.walk(node) if isinstance(one, ast.Constant)}


def _name(node: ast.expr) -> str:
    """`a.b.c` as it is written; nothing for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = _name(node.value)
        return f"{before}.{node.attr}" if before else ""
    return ""


def _is_made(node: ast.expr) -> bool:
    """Whether a text is put together where it is used."""
    if isinstance(node, ast.JoinedStr):
        return any(isinstance(part, ast.FormattedValue) for part in node.values)
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.Add | ast.Mod)
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Attribute) and node.func.attr in ("format", "join")
    return False
