"""Settings of Kafka, Cassandra and Redis that our promises rest on.

`catalogue` is the list: what is demanded, why, who looks, how it is mended. `kafka`, `cassandra`
and `redis` ask a part for what it has; the comparison is pure. The apply step sets what it may set
and refuses the rest; programs ask when they start (`at_start`); `chatlog doctor` asks for all of
it. `docs/demands.md` is made from the list.
"""
