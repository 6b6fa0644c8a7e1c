"""The local stack: real Kafka, schema registry, Cassandra and Redis without containers.

Read `part` (what a part is), `process` (how one is started, recognised and ended), then one
part (`kafka` is typical), `starting`, then `stack`, which watches and stops them all. `artifacts`
brings the jars, `java` finds a runtime, `ports` finds free ports, `probes` asks a part whether
it answers, `cluster` remembers how many brokers there are, `leaders` says which one leads,
`services` describes our own gateways and workers, `nginx` what may stand before the gateways,
`supervisor` starts again what dies, `groups` mends Kafka's groups after an unclean end, `doctor`
says what is wrong.

Linux only: processes are recognised through /proc.
"""
