"""Benchmarks: load through real sockets, with receipts, and what each process costs.

Read in this order. Pure: `frames` (WebSocket frames as a client writes and reads them), `ledger`
(what became of each message: lost, doubled, reordered, how late), `figures` (quantiles). Then the
load program, a process of its own (`python -m bench.load`): `run` (what a client is, and what
clients of a run share), `socket` (one lean client socket), `device` (a client that answers with
receipts), `load` (due times, closed loops, and its commands); `driver` is the same seen from the
other side. `cost` reads what processes spend from /proc, `jitter` says
whether the machine was disturbed, `lag` how far consumer groups are behind. `world` is a stack of
our own; `scenarios` are the benchmarks, `bars` what they must reach, `report` how it is told.

What a message costs: `profile` (where in each process), `inbound` (frames into one gateway, a
program too), `variant` (a copy with another number of partitions), `record` (what is kept for
docs/performance.md). That it stays so: `reference` (fixed work, a program), `calibration` (what
that costs now), `gate` (the verdict).

On a machine that others use too, believe CPU microseconds a message; latencies only when the
report says that little was lost to others.
"""
