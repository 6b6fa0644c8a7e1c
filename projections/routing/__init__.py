"""Where do facts go? Heads are recorded, then sessions are read, in one round trip (Redis)."""
