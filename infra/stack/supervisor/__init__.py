"""Starts again what died, as systemd or Kubernetes would.

`chatlog up` leaves one such process (`__main__`, `life`), which `chatlog down` ends first; the
chaos lab has one inside itself. `standing` decides when a part is tried again, `supervisor` looks
and starts, `orders` lets the process be the parent of what a command starts, so that it learns how
it ended, `book` is what `chatlog status` reads.
"""
