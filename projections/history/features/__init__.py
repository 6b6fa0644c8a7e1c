"""The rows that each feature's facts leave in the timeline: the table `ROWS`, by type. Pure.

`ROWS[type of fact](fact, bucket, position)` gives them. A fact without any has the entry `no_rows`.
"""
