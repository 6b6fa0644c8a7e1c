"""Fan-out: each fact and move to the devices of its audience, one record a gateway and batch.

`routing` says who gets which frame (pure); `agent` is the shell.
"""
