"""How a streamed answer is read: bytes to events, events to deltas, deltas to the completion. Fed from outside; no I/O.

Other rooms use `stream.reader`.
"""
