"""Faults on the real stack under load, and an offline check of everything that was recorded.

A run (`run`) starts a `lab`: the whole stack, two gateways behind `proxy`s that can be cut, two
workers of each kind, a supervisor (`infra/stack/supervisor`) that starts again what died, and
`people` who write to each other all the time. It plays a `plan` drawn from a seed: each fault
(`faults`) strikes, holds and is healed, and the next waits until everyone is served again. At the
end the load stops, everything is read (`evidence`), and `checker` compares it with the recorded
`history`, which can be done again from the files alone. `timeline` says how long each fault was
felt, `report` and `picture` show it.

To add a fault: write a function in one of the modules of `faults` and mark it with `@fault`.
"""
