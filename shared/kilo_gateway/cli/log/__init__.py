"""The record of what was asked, off unless turned on: where it lies, what it holds, how it is shown."""
