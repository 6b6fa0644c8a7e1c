"""Read models from the log, again: what the log says should be there, compared with what is.

Read `models` (what each read model holds, and how to ask for it), `compare` (pure), `verify` (the
shell), `commands` (`chatlog replay verify history`). Replay has no logic of its own: it calls the
same `project` as the live workers, and it has no side effects: it writes nothing anywhere.
"""
