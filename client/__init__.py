"""The client library: send and receive messages over flaky links without loss, hole or repeat.

It imports nothing else of the project. Read in this order: `frames` (what goes over the wire),
`messages` (what an application sees), `outbox` and `conversations` (the two halves of the pure
core), `state` (the core as a whole: frames in, effects out), `store` and `memory` (where a device
keeps it), `connection` (one socket), `engine` (the shell around the core), `client` (the public
API), `outgoing` (the handle of a message that was sent). The core knows no clock and no socket.
"""
