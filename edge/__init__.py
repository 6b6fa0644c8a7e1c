"""The gateway: clients on WebSockets on one side, the log on the other, and nothing else.

Read in this order. Pure: `frames` (what clients may say; `strict_json` below it), `tokens` (who
they are), `session` (one client's conversation as a state machine, with its `effects`, `answers`
and `limits`), `liveness` (whether a client is there), `markers` (receipts, coalesced), `wire`
(WebSocket frames to messages and back), `hardening` (which upgrades are refused). Then the shell:
`door` (lets clients in), `websocket` (drives a session over one socket, with a bounded `outbox`),
`connections` (who is here), `keyring`, `publisher` (to the log), `deliveries` (from the log),
`announcer`, `drain`, `health`; and `gateway`, which starts them in the order that leaves no hole
(ADR 0005).

The edge holds no connection but to Kafka and its clients: what needs a store is asked by an event
and answered over the gateway's delivery topic. It keeps nothing that it cannot lose.
"""
