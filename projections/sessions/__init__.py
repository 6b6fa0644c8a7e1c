"""Who is connected where? (Redis)

A session is valid only while its gateway's epoch is alive, so a dead gateway's sessions all end at
once. `keys` names what is kept; `store` is for the sessions worker; fan-out reads the same keys
through `projections.routing`. All of it may be lost: gateways announce their sessions again.
"""
