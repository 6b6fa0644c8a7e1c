"""The vocabulary: every event of the system as one frozen type, and how it becomes bytes.

Read in this order: `ids` (who and what is named how), `submissions` (what clients ask for),
`conversations` (what was decided: the facts), `receipts`, `sessions`, `gateways`, `queries`,
`deliveries`, `snapshots`; then `topics` (where each event lives, under which key), `codec`
(events to bytes and back), `fence` (which records of the log count), `frames` (what a client
is shown) and `text` (cutting and showing what people wrote). This package imports nothing else of
the project and re-exports nothing here.
"""
