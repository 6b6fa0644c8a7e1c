"""What each feature decides, and how its events change state: tables by type. Pure.

- `DECIDE[type of submission](conversation, submitted, seq, place)` gives the fact with that seq, or
  a Refusal, and changes nothing. The core has seen to it that the sender is a member and that the
  submission does not repeat another; it then refuses what is too old or out of order.
- `MOVE[type of submission](conversations, members, submitted, place)` is an iterator of the
  moves that a submission makes; each is folded before the next is asked for.
- `CONVERSATIONS_OF[type of submission](submitted)` names them where it is about several.
- `EVOLVE[type of fact or move](conversation, event)` changes the feature's part of the state.
"""
