"""The load program from outside: starts it, tells it what to do, ends it.

Use as a context manager: whatever happens, the process is gone afterwards. Every wait is bounded;
a load program that is silent for too long, or dies, is a UserError.
"""

import contextlib
import selectors
import subprocess
import sys
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TypeVar

import msgspec

from bench.commands import Answer, Command, Failed, Finish, Finished
from infra import open_files
from infra.errors import UserError

_END_SECONDS = 60.0

Wanted = TypeVar("Wanted", bound=Answer)


class Driver:
    """One load program: a module that serves `bench.commands`, with its arguments."""

    def __init__(
        self,
        environment: Mapping[str, str],
        module: str = "bench.load",
        arguments: Sequence[str] = (),
    ) -> None:
        self._process = subprocess.Popen(
            (sys.executable, "-m", module, *arguments),
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,  # `select` must see every line that was not read yet.
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input, self._output = self._process.stdin, self._process.stdout
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._output, selectors.EVENT_READ)
        self._decoder = msgspec.json.Decoder(Answer)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def tell(self, command: Command) -> None:
        """Tell it what to do; read the answers with `wait`."""
        self._input.write(msgspec.json.encode(command) + b"\n")
        self._input.flush()

    def wait(self, wanted: type[Wanted], timeout_seconds: float) -> Wanted:
        """Wait for the next answer, which must be of this type. Raises UserError."""
        if not self._selector.select(timeout_seconds):
            raise _failed(f"the load program said nothing for {timeout_seconds:.0f} s")
        line = self._output.readline()
        if not line:
            raise _failed(f"the load program ended with status {self._process.wait(_END_SECONDS)}")
        answer = self._decoder.decode(line)
        if isinstance(answer, Failed):
            raise _failed(answer.sentence)
        if not isinstance(answer, wanted):
            raise _failed(f"{wanted.__name__} was expected, {type(answer).__name__} came")
        return answer

    def finish(self) -> Finished:
        """Close every socket in good order."""
        self.tell(Finish())
        return self.wait(Finished, _END_SECONDS)

    def __enter__(self) -> "Driver":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._selector.close()
        self._output.close()
        with contextlib.suppress(BrokenPipeError):
            self._input.close()


def raise_open_files_limit(wanted: int) -> None:
    """Let this process and those it starts open so many files. Raises UserError."""
    allowed = open_files.allow(wanted)
    if allowed < wanted:
        raise UserError(
            "open_files_limit",
            f"The benchmark opens {wanted} files and this login may open {allowed}.",
            "Raise the hard limit (ulimit -Hn) or hold fewer sockets.",
        )


def _failed(reason: str) -> UserError:
    return UserError(
        "load_failed",
        f"The load could not be driven: {reason}.",
        "Read the logs of the gateways and workers in the benchmark's folder.",
    )
