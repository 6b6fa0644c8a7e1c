"""The gateway: clients on WebSockets on one side, the log on the other, and nothing else.

Read in this order. Pure: `frames` (what clients may say), `tokens` (who they are), `session` (one
client's conversation as a state machine), `markers` (receipts, coalesced), `wire` (WebSocket frames
to messages and back). Then the shell: `websocket` (drives a session over one socket),
`connections` (who is here, and a bounded outbox for each), `hardening` (which upgrades are
refused), `keyring`, `publisher`, `deliveries`, `announcer`, `drain`, `health`; and `gateway`, which
starts them in the order that leaves no hole (ADR 0005).

The edge holds no connection but to Kafka and its clients: what needs a store is asked by an event
and answered over the gateway's delivery topic. It keeps nothing that it cannot lose.
"""
