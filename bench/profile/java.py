"""Stacks of a JVM, by async-profiler, loaded into it while it runs.

It samples CPU time of every thread, also of the collector and the compilers, and sees native code.
The library comes from Maven Central, once, and is used only when its hash is the known one. It is
loaded over the JVM's own attach socket: no JDK is needed, and nothing at its start.
"""

import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import zipfile
from pathlib import Path

from bench.profile import stacks
from bench.profile.stacks import Stack
from infra.checkout import CHECKOUT
from infra.errors import UserError

VERSION = "4.2"
HASH = "cb103963bfc32663561a2608b3e33871a4ef7513a6c88fd7d01ef36a741cca41"
"""SHA-256 of the library for Linux on x86-64."""

FOLDER = CHECKOUT / ".chatlog" / "profiler"

_MEMBER = "linux-x64/libasyncProfiler.so"
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
_DOWNLOAD_SECONDS = 300.0
_ATTACH_SECONDS = 10.0
_POLL_SECONDS = 0.05
_NUMBER = re.compile(r"[#-]\d+|(?<![A-Za-z])\d+")
_ADDRESS = re.compile(r"\$\$Lambda\S*0x[0-9a-f]+|\$\$Lambda\$\d+")


def library() -> Path:
    """The profiler's library, fetched when it is not here. Raises UserError."""
    file = FOLDER / f"libasyncProfiler-{VERSION}.so"
    if file.exists() and _hash_of(file) == HASH:
        return file
    FOLDER.mkdir(parents=True, exist_ok=True)
    artifact = f"tools.profiler:async-profiler:{VERSION}"
    maven = shutil.which("mvn")
    if maven is None:
        raise UserError("no_maven", "Maven is not installed.", "Run `make setup`.")
    done = subprocess.run(
        (
            maven, "--batch-mode", "--quiet", _COPY,
            f"-Dartifact={artifact}", f"-DoutputDirectory={FOLDER}",
        ),
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_DOWNLOAD_SECONDS,
        check=False,
    )  # fmt: skip
    archive = FOLDER / f"async-profiler-{VERSION}.jar"
    if done.returncode != 0 or not archive.exists():
        raise UserError(
            "no_profiler", f"Maven could not bring {artifact}.", "Check the network; try again."
        )
    with zipfile.ZipFile(archive) as opened:
        file.write_bytes(opened.read(_MEMBER))
    if _hash_of(file) != HASH:
        file.unlink()
        raise UserError(
            "profiler_changed", f"{artifact} does not have the known hash.", "It is not used."
        )
    return file


class JavaProfile:
    """A recording that goes on until its stacks are asked for."""

    def __init__(self, pid: int, file: Path) -> None:
        self._pid = pid
        self._file = file
        self._library = library()
        _load(pid, self._library, "start,event=ctimer,interval=2ms,threads")

    def stacks(self) -> dict[Stack, float]:
        """End it; the stacks, below the kind of thread each. Raises UserError."""
        self._file.unlink(missing_ok=True)
        _load(self._pid, self._library, f"stop,file={self._file},collapsed,threads,simple")
        return by_kind(stacks.parse(self._file.read_text()))


def by_kind(sampled: stacks.Stacks) -> dict[Stack, float]:
    """Threads of one kind together: their names without numbers. Pure."""
    found: dict[Stack, float] = {}
    for (thread, *frames), weight in sampled.items():
        kind = thread.strip("[]").rpartition(" tid=")[0] or thread.strip("[]")
        named = (_ADDRESS.sub("$Lambda", frame) for frame in frames)
        stack = (f"[{_NUMBER.sub('', kind).strip(' -:')}]", *named)
        found[stack] = found.get(stack, 0.0) + weight
    return found


def _load(pid: int, file: Path, options: str) -> None:
    """Load the library into a JVM, with options. Raises UserError."""
    request = b"1\0" + b"".join(
        word.encode() + b"\0" for word in ("load", str(file), "true", options)
    )
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_ATTACH_SECONDS)
            connection.connect(_attach_socket(pid))
            connection.sendall(request)
            answer = b""
            while piece := connection.recv(4096):
                answer += piece
    except OSError as error:
        raise _refused(pid, str(error)) from error
    lines = answer.decode(errors="replace").split("\n")
    if lines[0] != "0" or "return code: 0" not in lines[1:2]:
        raise _refused(pid, " ".join(lines).strip())


def _attach_socket(pid: int) -> str:
    """The socket on which a JVM takes such requests; it opens it when it is asked to."""
    path = Path(f"/tmp/.java_pid{pid}")
    if path.exists():
        return str(path)
    asked = Path(f"/proc/{pid}/cwd/.attach_pid{pid}")
    asked.touch()
    try:
        os.kill(pid, signal.SIGQUIT)
        deadline = time.monotonic() + _ATTACH_SECONDS
        while not path.exists() and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
    finally:
        asked.unlink(missing_ok=True)
    return str(path)


def _refused(pid: int, why: str) -> UserError:
    return UserError(
        "no_attach",
        f"The JVM with process id {pid} did not take the profiler: {why}.",
        "It must belong to the same user.",
    )


def _hash_of(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
