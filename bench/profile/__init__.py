"""Where the microseconds go: stacks of running processes, a picture and a table of them.

Pure: `stacks` (collapsed stacks: read, weighed, pruned), `areas` (which stack belongs to what),
`flame` (a picture). From outside: `threads` (clocks of threads, from /proc), `python` (py-spy),
`java` (async-profiler, attached on demand). Nothing is added to a process before it is looked at.
"""
