"""Stories through real sockets, Kafka, Cassandra and Redis, with faults."""
