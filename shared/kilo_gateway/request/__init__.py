"""How a chat request is written: its body and options, reasoning, thought signatures, and what differs by model family.

Other rooms use `request.body`, `request.options`, `request.option_checks`, `request.reasoning` and `request.families`.
"""
