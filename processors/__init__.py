"""The workers: Faust agents that decide, fan out and project. `python -m processors <roles…>`.

Read `app` (what an agent looks like), `source` (records of a consumer group to batches) with
`partitions` (how they arrive, begin and leave), `guard` (what happens when a batch cannot be
taken), then any role: `admission`, `fanout`, `history`, `receipts`, `sessions`, `queries`,
`snapshots`. Each role has one function `attach(app, context)` and a consumer group of its own
name; one process may host several.
"""
