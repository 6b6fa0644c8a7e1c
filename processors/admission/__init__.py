"""Admission: the single writer of each partition of the fact log.

`state` is what it knows (folded from the log), `decider` what it decides (pure), `restore` how a
new owner comes to know it, `agent` the shell. Everything that is refused is refused here, in log
order; the edge only checks shape and size.
"""
