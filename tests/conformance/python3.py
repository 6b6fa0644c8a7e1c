"""Turns Autobahn's test suite, which is written for Python 2, into modules of Python 3.

usage: python3.py FOLDER, with the Python (before 3.13, for its lib2to3) of the environment in which
the suite is installed. lib2to3 does most of it; the rest are the edits below, since what the cases
call a string is bytes (`bytes_as_text`).
"""

import io
import re
import shutil
import subprocess
import sys
import sysconfig
import tokenize
from pathlib import Path

_Edit = tuple[str, str]

_CASES: tuple[_Edit, ...] = (
    (r"\.encode\((['\"])utf-?8\1\)", '.encode("utf-8").decode("latin-1")'),
    (r"\.decode\((['\"])utf-?8\1\)", '.encode("latin-1").decode("utf-8")'),
    (r"^import binascii$", "from bytes_as_text import binascii"),
    (r"^from autobahn.websocket.utf8validator import", "from bytes_as_text import"),
    (r"(?<=[\w\)\]]) / (?=[\w\(])", " // "),
    (r"^from zope.interface import implements$", ""),
    (r"^( *)implements\(.*\)", r"\1pass"),
    (r"\(object, Case,? ?\)", "(Case,)"),
)
_FUZZING: tuple[_Edit, ...] = (
    (
        r"import os, json, binascii,",
        "from bytes_as_text import Spoken, binascii, to_bytes, to_text\nimport os, json,",
    ),
    (r"p = ''\.join\(payload\)", "p = to_text(b''.join(payload))"),
    (r"^(def (?:bin|ascii)LogData\(data, .*\):)$", r"\1\n   data = to_text(data)"),
    (r"return dd\.decode\('utf8', errors", "return to_bytes(dd).decode('utf8', errors"),
    (r"^class FuzzingProtocol:", "class FuzzingProtocol(Spoken):"),
    (r"self\.runCase\.onMessage\((\w+),", r"self.runCase.onMessage(to_text(\1),"),
    (r"self\.runCase\.(onPing|onPong)\((\w+)\)", r"self.runCase.\1(to_text(\2))"),
)
_PROTOCOL: tuple[_Edit, ...] = (
    (r"payload_len / len\(payload\)", "payload_len // len(payload)"),
    (r"time\.clock", "time.perf_counter"),
)


def convert(site: Path, folder: Path) -> None:
    """Make the folder, from what is installed in `site`."""
    begun = folder.with_suffix(".begun")
    shutil.rmtree(begun, ignore_errors=True)
    suite = begun / "autobahntestsuite"
    shutil.copytree(site / "autobahntestsuite", suite)
    shutil.copytree(site / "autobahn", begun / "autobahn")
    shutil.copy(Path(__file__).parent / "bytes_as_text.py", begun)
    shutil.rmtree(suite / "wampcase")
    for path in suite.rglob("*.py"):
        text = path.read_text("utf-8").replace("\t", "   ")
        path.write_text(_escaped(text) if path.parent.name == "case" else text, "utf-8")
    lib2to3 = (sys.executable, "-W", "ignore", "-m", "lib2to3", "-w", "-n", "--no-diffs")
    subprocess.run((*lib2to3, str(suite)), capture_output=True, check=True)
    for path in (suite / "case").glob("*.py"):
        _edit(path, _CASES)
    _edit(suite / "fuzzing.py", _FUZZING)
    _edit(begun / "autobahn" / "websocket" / "protocol.py", _PROTOCOL)
    (suite / "__init__.py").write_text('version = __version__ = "converted"\n')
    begun.rename(folder)


def _edit(path: Path, edits: tuple[_Edit, ...]) -> None:
    text = path.read_text("utf-8")
    for pattern, new in edits:
        text = re.sub(pattern, new, text, flags=re.MULTILINE)
    path.write_text(text, "utf-8")


def _escaped(source: str) -> str:
    """Every plain literal with its UTF-8 bytes as escapes, as Python 2 reads it."""
    lines = source.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    made, end = [], 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.STRING or token.string.lower().startswith(("u", "r")):
            continue
        start = starts[token.start[0] - 1] + token.start[1]
        made += [source[end:start], re.sub(r"[^\x00-\x7f]", _bytes_of, token.string)]
        end = starts[token.end[0] - 1] + token.end[1]
    return "".join([*made, source[end:]])


def _bytes_of(found: "re.Match[str]") -> str:
    return "".join(f"\\x{byte:02x}" for byte in found[0].encode())


convert(Path(sysconfig.get_path("purelib")), Path(sys.argv[1]))
