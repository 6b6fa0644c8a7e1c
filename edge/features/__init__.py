"""What clients say about each feature: tables by type of frame. Pure.

- `FRAMES["type"]` is the frame of that `type`, and `CHECK[frame type](frame)` what is wrong with
  one whose fields are as they should be, or nothing.
- `SUBMIT[frame type](frame, principal)` is the submission that a frame with an `id` becomes; the
  core limits how many, and answers what cannot be taken.
- `MARK[frame type](frame, principal)` gives the watermarks that a frame tells of; one with an `id`
  is answered when the log has them all.
"""
