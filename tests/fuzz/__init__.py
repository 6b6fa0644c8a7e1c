"""Fuzzing of everything that takes bytes from outside: read `targets` first.

A target is a function of some bytes. It says in one word what became of them, and raises Fault
when something happened that must never happen, whatever the bytes. `corpus/` keeps inputs as files,
`<target>/<outcome>/<what it is>`; `mutation` makes new inputs of them, `hunt` looks for faults.
What a hunt finds lies in `<target>/found` until the fault is mended and somebody gives it a name.
"""
