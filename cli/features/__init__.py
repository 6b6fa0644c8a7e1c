"""What each feature's events and frames are told as, by type: `SENTENCES` and `FRAMES`. Pure.

`SENTENCES[type of event](event)` is one line of plain text; `FRAMES["type of frame"](content)` a
few words. Text that people wrote goes through `cli.quoting.quoted`.
"""
