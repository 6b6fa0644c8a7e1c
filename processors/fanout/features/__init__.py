"""Who is shown what of each feature's events: the table `SHOWN`, by type. Pure.

`SHOWN[type of event](event, members, sessions)` gives each frame of an event with the sessions that
get it. A frame that nobody gets is not encoded. An event that nobody is shown has the entry
`nobody`.
"""
