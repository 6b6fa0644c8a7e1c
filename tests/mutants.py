"""What pytest needs so that mutmut 3.7 can count its tests; loaded by `make mutants` alone.

pytest 9.2 has no `_nodeid` any more, which that release reads. Newer ones read `nodeid`, and need a
`click` that `faust-streaming` does not take: this file goes when it does.
"""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item._nodeid = item.nodeid  # type: ignore[attr-defined]
