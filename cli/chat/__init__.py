"""`chatlog chat`: a chat in the terminal, on the client library and nothing else.

Read in this order: `command` (who chats, and on which kind of terminal), `room` (what there is to
show and what may be typed: no terminal, no drawing), `lines` (the room as lines of text, pure),
`view` and `screen` (the full-screen chat) and `plain` (the same on a dumb terminal or in a pipe).
"""
