"""The rows that each feature's facts leave in the timeline: the table `ROWS`, by type. Pure.

`ROWS[type of fact](fact, bucket, position)` gives them; an empty list where there are none.
"""
