"""Which event loop runs, asyncio's or trio's, and how its other tasks get their turn."""

from __future__ import annotations

import asyncio


def is_asyncio() -> bool:
    """Return whether the running event loop is one of asyncio's."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def pause() -> None:
    """Let the other tasks of the loop run."""
    if is_asyncio():
        await asyncio.sleep(0)
    else:
        import trio  # noqa: PLC0415 - only where trio runs already

        await trio.lowlevel.checkpoint()
