"""The contract with the world: an Avro schema an event, examples, the registry lock. Data only.

`<subject>/<Event>.avsc` is the schema; `examples/<subject>/<Event>.<what>.json` are values that
must round-trip, `….refused.json` values that must be refused; `registry.lock.json` holds the
fingerprint of every schema, so that a change of the contract is seen in review.
"""
