"""What RFC 6455 asks of a server, checked on the gateway's own WebSocket parts.

`echo` is an endpoint of those parts, with an echo in place of the session; `test_echo` is all that
`make test` needs. `make conformance` (`__main__`) runs the cases of Autobahn's test suite against
it and keeps what came of each in docs/conformance.json, from which docs/conformance.md is made. The
suite is no part of the project: `suite` installs it in an environment of its own, where `python3`
turns it into Python 3 and `fuzz` runs it.
"""
