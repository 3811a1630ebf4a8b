"""The command `chat`: what was typed, the message that it means, the answer as it comes, conversations."""
