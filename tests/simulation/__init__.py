"""The whole domain in one process, under one seed: read `world` first.

Everything that decides, evolves, routes, projects, restores, retries and relays is the real code:
agents with their guards and sources, gateways with their sockets, the core of the client. In memory
are only Kafka (`kafka`), Redis (`redis`), Cassandra (`cassandra`), the wire between a device and
its gateway (`link`), and time (`loop`). Whatever these do, and when, is drawn from the seed.
"""
