"""Read models: what the log looks like to someone who asks a question; one folder a question.

Each folder has `projection.py`, a pure `project(event, position) -> list[Write]`; `store.py`, the
only place that issues commands to Cassandra or Redis, on connections handed to it; and for the
names in the store `keys.py`, or `migrations/`: what makes its tables, step by step. The same log
gives the same rows, however often, late or shuffled its records are applied: a write carries its
record's position, and the newest position wins (I9). Read `positions`, `cells`; then `history`,
`inbox`, `receipts` in Cassandra; then `heads`, `sessions`, `routing` in Redis.
"""
