"""Fenced blocks of an answer, as Markdown has them: a longer fence holds shorter ones."""

from __future__ import annotations


def fenced_blocks(text: str) -> list[str]:
    """Return the content of each fenced block, in order."""
    from markdown_it import MarkdownIt  # noqa: PLC0415 - for answers that hold a fence only

    if "```" not in text and "~~~" not in text:
        return []
    return [token.content for token in MarkdownIt("commonmark").parse(text) if token.type == "fence"]


def extract(text: str, *, is_last: bool = False) -> str:
    """Return the content of the first or the last fenced block; the whole text when there is none."""
    blocks = fenced_blocks(text)
    if not blocks:
        return text
    return blocks[-1] if is_last else blocks[0]
