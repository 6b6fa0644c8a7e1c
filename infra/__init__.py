"""The outside world, opened and described.

Read `settings` first (the only reader of the environment), then `topics`, `registry` and
`cassandra` (each applies one catalogue and opens one kind of connection), then `stack`
(the real parts as child processes, for laptops and tests) and `balancer` (beside nginx, it asks
gateways whether they are ready).

Imports `events` and libraries; never a projection, a processor or the edge.
"""
