"""The fuzzer by hand: `python -m tests.fuzz --target codec --seconds 60`.

Without a target each gets its turn. What does harm is written into the corpus, in the target's
`found`, and the exit status is 1.
"""

import argparse
import sys
import time

from tests.fuzz.corpus import keep, seeds
from tests.fuzz.hunt import hunt
from tests.fuzz.targets import TARGETS


def main() -> int:
    """Hunt, and say in one sentence for each target what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--target", choices=sorted(TARGETS))
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--number", type=int, help="the same number tries the same inputs")
    asked = parser.parse_args()
    number = time.time_ns() if asked.number is None else asked.number
    bad = 0
    for name in [asked.target] if asked.target else sorted(TARGETS):
        kept = [seed.data for seed in seeds(name)]
        inputs, found = hunt(TARGETS[name], kept, asked.seconds, number)
        said = f"{name}: {inputs:,} inputs from {len(kept)} seeds"
        if found is None:
            print(f"{said}, and nothing found.", flush=True)
            continue
        bad += 1
        path = keep(name, found.data)
        error = f"{type(found.error).__name__}: {found.error}"
        print(f"{said}, and {len(found.data)} bytes in {path} led to {error}.", flush=True)
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
