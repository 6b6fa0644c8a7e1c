"""How far does each conversation go, and which conversations does a user have? (Redis)

`keys` names what is kept; `store` reads it; `projections.routing` writes it for fan-out. Redis is
never the only copy: what it lost is loaded from `projections.inbox` and never lowers what is there.
"""
