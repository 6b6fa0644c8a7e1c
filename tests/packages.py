"""The packages of a release: what is shipped, and what rules of structure hold for."""

PACKAGES = (
    "bench",
    "chaos",
    "cli",
    "client",
    "edge",
    "events",
    "infra",
    "processors",
    "projections",
    "replay",
    "schemas",
)
