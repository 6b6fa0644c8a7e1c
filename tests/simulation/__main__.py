"""The simulator by hand: `python -m tests.simulation`.

    --runs 10000 [--first 0]   so many seeds from the first; every violation with its seed
    --seed 162                 one seed: what does not hold, and the shortest story that shows it
    --planted                  whether each planted mistake is found

Exit status 0 when all holds (or every planted mistake was found), otherwise 1. Two processes share
the work. Strings are hashed alike in every run, so that a seed is a seed.
"""

import argparse
import os
import sys


def main() -> int:
    """Run what the command line asks for."""
    from tests.simulation import runner

    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--runs", type=int, default=1_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--planted", action="store_true")
    asked = parser.parse_args()
    if asked.planted:
        return runner.tell_planted()
    if asked.seed is not None:
        return runner.tell(asked.seed)
    return runner.tell_many(asked.first, asked.runs)


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "tests.simulation", *sys.argv[1:]])
    sys.exit(main())
