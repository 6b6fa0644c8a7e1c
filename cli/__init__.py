"""One command for people: `chatlog …`.

`__main__` names the commands and is the only place where an error becomes a sentence and an exit
status. Each other module is one group of commands, imported when one of them is used. A command
is a function with a docstring; it returns an exit status or nothing, prints results on stdout,
and raises `UserError` for what the user can mend.
"""
