"""The simulator by hand: `python -m tests.simulation`.

    --runs 10000 [--first 0]   so many seeds from the first; every violation with its seed
    --seconds 180 --today      as many seeds as fit in a time; each day begins with another seed
    --seed 162                 one seed: what does not hold, and the shortest story that shows it
    --planted [--write]        whether each planted mistake is found; notes by which seeds

Exit status 0 when all holds (or every planted mistake was found and made every check fail at least
once), otherwise 1. Two processes share the work. Strings are hashed alike in every run, so that a
seed is a seed.
"""

import argparse
import os
import sys
from datetime import UTC, date, datetime

_SEEDS_A_DAY = 100_000


def main() -> int:
    """Run what the command line asks for."""
    from tests.simulation import runner

    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--runs", type=int, default=1_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--today", action="store_true")
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--planted", action="store_true")
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    if asked.planted:
        return runner.tell_planted(write=asked.write)
    if asked.seed is not None:
        return runner.tell(asked.seed)
    first = first_of(datetime.now(UTC).date()) if asked.today else asked.first
    if asked.seconds is not None:
        print(f"from seed {first}", flush=True)
        return runner.tell_for(first, asked.seconds)
    return runner.tell_many(first, asked.runs)


def first_of(day: date) -> int:
    """The first seed of a day; no two days share a seed."""
    return day.toordinal() * _SEEDS_A_DAY


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "tests.simulation", *sys.argv[1:]])
    sys.exit(main())
