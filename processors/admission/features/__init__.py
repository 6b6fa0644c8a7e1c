"""What each feature decides, and how its events change state: tables by type. Pure.

- `DECIDE[type of submission](conversation, submitted, seq, place)` gives the fact with that seq, or
  a Refusal. The core has seen to it that the sender is a member, that the submission is no repeat,
  and that it is neither too old nor out of order.
- `MOVE[type of submission](conversations, members, submitted, place)` gives the moves of watermarks
  that a submission makes, one after the other; each is folded before the next is asked for.
- `CONVERSATIONS_OF[type of submission](submitted)` names them where it is about several.
- `EVOLVE[type of fact or move](conversation, event)` changes the feature's part of the state.
"""
