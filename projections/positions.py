"""Where a record stands in its topic, as the write time of everything that comes from it.

`write_time` is the one function from log position to Cassandra timestamp: of two writes of a cell
the later record's wins, whatever the order or number of times in which they arrive (I9). The log
generation is raised when a log was restored into a new cluster, where offsets start again.
"""

_OFFSET_BITS = 44
OFFSET_MAX = (1 << _OFFSET_BITS) - 2
GENERATION_MAX = (1 << 63 - _OFFSET_BITS) - 1


def write_time(generation: int, offset: int) -> int:
    """The write time of what comes from the record at this offset; rises with both."""
    if not (0 <= generation <= GENERATION_MAX and 0 <= offset <= OFFSET_MAX):
        raise ValueError(f"no position: generation {generation}, offset {offset}")
    return generation << _OFFSET_BITS | offset + 1


def offset_of(position: int) -> int:
    """The offset that a write time was made from."""
    return (position & (1 << _OFFSET_BITS) - 1) - 1
