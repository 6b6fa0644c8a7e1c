"""From what this machine measured to two billion users: how much of everything, and what breaks.

Read `inputs.toml` (every number, with where it comes from), then `inputs` (which refuses a number
without a source), `demand` and `model` (pure), `limits` (what is passed first), `page` (how it is
told). `sizes` and `redis_memory` measure bytes; `measured` turns a report of `chatlog bench` into
lines for the data file. Nothing here opens anything but those three.
"""
