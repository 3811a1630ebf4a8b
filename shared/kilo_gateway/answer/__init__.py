"""How an answer is read: the completion, its choices, usage, tool calls and their fragments, and reasoning details.

`answer.body` reads a whole answer; `stream` puts one together from chunks and uses the same parts.
"""
