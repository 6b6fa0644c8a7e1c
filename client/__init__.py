"""The client library: send and receive messages over flaky links without loss, hole or repeat.

It imports nothing else of the project. Read in this order: `frames` (what goes over the wire),
`messages` (what an application sees), `effects` (what the core asks of its shell), the pure core:
`conversations` and `sync` (what comes in), `line` and `outbox` (what goes out), `watermarks`,
`state` (all of it: frames in, effects out); then `store` (where a device keeps it; `migrations` say
how its layout came about) and `memory`, `connection` (one socket), `engine` (the shell around the
core), `client` (the public API), `chats` (the list of conversations) and `outgoing` (the handle of
a message that was sent). The core knows no clock and no socket.
"""
