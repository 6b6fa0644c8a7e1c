"""Snapshots: the admission state of each partition, written down now and then.

A reader of the log like any other, so that an old owner's outdated facts never enter a snapshot:
it folds what the fence admits. Admission then starts from the newest snapshot instead of the
beginning of the log.
"""
