"""The comparison: chat servers that people would pick, one after the other, under the same load.

Read in this order. `system`: what a system is; `systems`: one module each. `rounds`: whose turn it
is, and what a disturbed turn means (pure); `turn`: one system started, loaded and ended; `report`:
what came out, as JSON, as a table and as `docs/peers.md`. The load programs are those of `bench`
for chatlog, `xmpp` (with `stanzas`) and `matrix` for the others; `instance`, `packages` and
`postgresql` are what peers are started with.

Only ratios are worth much: everything shares two cores, so systems take turns in each round, all
others are stopped meanwhile, and a turn in which the machine was not ours is taken again.
"""
