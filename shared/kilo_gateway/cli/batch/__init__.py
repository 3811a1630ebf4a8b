"""The command `batch`: what was typed, the checks before anything is sent, the run with its display, the report."""
