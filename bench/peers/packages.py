"""Installs what a peer needs: system packages by the rules of `infra/setup.sh`, Python packages
into an environment of their own.

Everything is announced. Where this user may not install, it is said what to type. No server that
comes with a package is started or enabled.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from infra.checkout import CHECKOUT
from infra.errors import UserError

_SETUP = CHECKOUT / "infra" / "setup.sh"
_INSTALL_SECONDS_MAX = 1_800.0


def install(packages: Sequence[str]) -> None:
    """Install system packages. Raises UserError."""
    done = subprocess.run(
        (str(_SETUP), "packages", *packages), timeout=_INSTALL_SECONDS_MAX, check=False
    )
    if done.returncode != 0:
        raise UserError(
            "peer_not_installed",
            f"These packages of the comparison are missing: {' '.join(packages)}.",
            f"Install them: apt-get install --no-install-recommends {' '.join(packages)}",
        )


def make_venv(folder: Path, requirements: Sequence[str]) -> None:
    """Make an environment with Python packages of its own. Raises UserError."""
    print(f"bench: installing {' '.join(requirements)} into {folder}", flush=True)
    python = str(folder / "bin" / "python")
    for argv in (
        (sys.executable, "-m", "venv", str(folder)),
        (python, "-m", "pip", "install", "--disable-pip-version-check", "--quiet", *requirements),
    ):
        if subprocess.run(argv, timeout=_INSTALL_SECONDS_MAX, check=False).returncode != 0:
            raise UserError(
                "peer_not_installed",
                f"{' '.join(requirements)} could not be installed.",
                f"Try it by hand: {' '.join(argv)}",
            )
