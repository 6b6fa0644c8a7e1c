"""Where this checkout is, so that every command means the same one wherever it is run.

Without settings or options that say otherwise, commands work on the instance in
`.chatlog/local` of the checkout whose code they are. Code that was installed as a package belongs
to no checkout: then it is the current folder.
"""

from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]

CHECKOUT = Path.cwd() if _ROOT.name in ("site-packages", "dist-packages") else _ROOT

INSTANCE = CHECKOUT / ".chatlog" / "local"
"""The instance that is meant when nothing is said."""

ENV_FILE = CHECKOUT / ".chatlog" / "environment"
"""The settings by which programs find it; `chatlog up` writes them."""
