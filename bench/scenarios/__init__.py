"""The benchmarks. Each is one function from its options to a result of plain values.

`latency` at a modest rate; `capacity` in steps until something falls behind; `idle` for the memory
of sockets; `restart` of admission on a long log. `traffic` is what the first two share.
"""
