"""The jars of the stack: brought by Maven, checked by hash, kept once for all instances.

`maven/` names the versions. `artifacts.lock` (in the form `sha256sum --check` reads) holds the
hash of every file they bring; a file that is missing, changed or not in the lock is refused, and
nothing is used until all of it was checked. `chatlog artifacts lock` writes the lock anew.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from infra.errors import UserError
from infra.settings import inherited_environment
from infra.stack.lock import one_at_a_time

POMS = Path(__file__).parent / "maven"
LOCK_FILE = Path(__file__).parent / "artifacts.lock"
_STAMP = "checked-against"
_DOWNLOADED = re.compile(r"Downloaded from .*/([^/ ]+\.(?:jar|tar\.gz)) ")

OnProgress = Callable[[str], None]


def ensure(jars: Path, on_progress: OnProgress = lambda line: None) -> None:
    """Bring and check the jars, unless what the lock names is already here."""
    if is_complete(jars):
        return
    jars.parent.mkdir(parents=True, exist_ok=True)
    with one_at_a_time(jars.with_suffix(".lock")):
        if is_complete(jars):
            return
        fresh = jars.with_suffix(".partial")
        shutil.rmtree(fresh, ignore_errors=True)
        download(fresh, on_progress)
        check(fresh)
        _unpack_registry(fresh)
        (fresh / _STAMP).write_text(_lock_hash())
        shutil.rmtree(jars, ignore_errors=True)
        fresh.rename(jars)


def is_complete(jars: Path) -> bool:
    """Whether the folder was checked against the lock as it is now."""
    try:
        return (jars / _STAMP).read_text() == _lock_hash()
    except OSError:
        return False


def download(folder: Path, on_progress: OnProgress = lambda line: None) -> None:
    """Let Maven copy every file into a folder for each part."""
    if shutil.which("mvn") is None:
        raise UserError(
            "no_maven",
            "Maven is not installed, and the jars of the stack come through it.",
            "Run `make setup`, or install it: apt-get install maven",
        )
    command = [
        "mvn",
        "--batch-mode",
        "--file",
        str(POMS / "pom.xml"),
        "package",
        f"-Djars={folder}",
    ]
    last_lines: list[str] = []
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        env={**inherited_environment(), "LC_ALL": "C.UTF-8"},
        encoding="utf-8",
        errors="replace",
    ) as maven:
        assert maven.stdout is not None
        for line in maven.stdout:
            last_lines = [*last_lines[-9:], line.rstrip()]
            if downloaded := _DOWNLOADED.search(line):
                on_progress(downloaded.group(1))
    if maven.returncode != 0:
        errors = [line.removeprefix("[ERROR] ") for line in last_lines if "[ERROR]" in line]
        raise UserError(
            "download_failed",
            f"Maven could not bring the jars of the stack: {' '.join(errors[:3] or last_lines)}",
            "Check the network and run the command again; what was downloaded is kept.",
        )


def hashes(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file Maven copied, by its path in the folder."""
    files = sorted(file for file in folder.glob("*/*") if file.suffix in (".jar", ".gz"))
    return {str(file.relative_to(folder)): _sha256(file) for file in files}


def locked(lock_file: Path = LOCK_FILE) -> dict[str, str]:
    """What the lock file says, in the form of `hashes`."""
    lines = lock_file.read_text().splitlines()
    return {path: digest for digest, _, path in (line.partition("  ") for line in lines)}


def write_lock(folder: Path, lock_file: Path = LOCK_FILE) -> int:
    """Take the files in the folder as the truth; says how many there are."""
    found = hashes(folder)
    lock_file.write_text("".join(f"{digest}  {path}\n" for path, digest in found.items()))
    return len(found)


def check(folder: Path, lock_file: Path = LOCK_FILE) -> None:
    """Refuse a folder that differs from the lock in any file."""
    found, wanted = hashes(folder), locked(lock_file)
    differing = sorted(
        path for path in found.keys() | wanted.keys() if found.get(path) != wanted.get(path)
    )
    if differing:
        path = differing[0]
        problem = (
            "is missing"
            if path not in found
            else "is not in the lock"
            if path not in wanted
            else "does not have the locked hash"
        )
        raise UserError(
            "artifact_changed",
            f"{len(differing)} downloaded file(s) differ from infra/stack/artifacts.lock, "
            f"the first: {path} {problem}.",
            "Nothing was installed. Remove it from ~/.m2/repository and run `make setup` again.",
        )


def _unpack_registry(folder: Path) -> None:
    """The registry comes as an archive of its own jar and a lib folder."""
    (archive,) = (folder / "registry").glob("*.tar.gz")
    shutil.unpack_archive(archive, folder / "registry")
    archive.unlink()


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _lock_hash() -> str:
    return _sha256(LOCK_FILE)
