"""Runs Autobahn's cases against one endpoint; run by the Python of the suite's own environment.

usage: fuzz.py MODULES OUTCOMES URL SUBPROTOCOL CASE...
"""

import json
import sys
from pathlib import Path


def main(modules: str, outcomes: str, url: str, subprotocol: str, *cases: str) -> int:
    """Run the cases, and write what came of them as JSON; 1 when some were not run."""
    sys.path.insert(0, modules)
    import txaio

    txaio.use_twisted()
    from autobahntestsuite import fuzzing
    from twisted.internet import reactor

    found = {}

    class Factory(fuzzing.FuzzingClientFactory):
        def logCase(self, told):
            found[told["id"]] = {
                "behavior": told["behavior"],
                "close": told["behaviorClose"],
                "code": told["remoteCloseCode"],
            }

        def createReports(self, *_, **__):
            pass

    server = {"agent": "chatlog", "url": url, "protocols": [subprotocol]}
    factory = Factory(
        {
            "outdir": f"{modules}/reports",
            "options": {"failByDrop": False},
            "servers": [{**server, "options": {"version": 18}}],
            "cases": list(cases),
            "exclude-cases": [],
            "exclude-agent-cases": {},
        }
    )
    reactor.run()
    if len(found) != len(factory.specCases):
        print(f"{len(found)} of {len(factory.specCases)} cases were run", file=sys.stderr)
        return 1
    by_number = sorted(found.items(), key=lambda one: [int(part) for part in one[0].split(".")])
    Path(outcomes).write_text(json.dumps(dict(by_number)))
    return 0


sys.exit(main(*sys.argv[1:]))
