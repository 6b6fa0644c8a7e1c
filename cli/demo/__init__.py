"""`chatlog demo`: the main job of the system as a story of two people, checked to the end.

Read in this order: `command` (what the demo does and what it exits with), `scenes` (the story) and
`comparison` (its last scene), `people` (Ann and Bob: a client that reads along), `stage` (the
stack, two gateways, two workers, and the supervisor that starts again what the story kills),
`promises` (what must hold, and the pure comparisons), `transcript` (what is printed).
"""
