"""Streaming: text as it comes, reasoning apart from it, and the whole message at the end, sync and async.

Needs `pip install langchain-kilo`.
"""

from __future__ import annotations

import asyncio

from _gateway import a_gateway
from langchain_core.prompts import ChatPromptTemplate

from langchain_kilo import ChatKilo

MODEL = "anthropic/claude-sonnet-4.6"
NOTES = "The night train to Vienna leaves Hamburg at 20:29. Breakfast is served from six o'clock."


def stream_with_reasoning() -> None:
    """Print thoughts and text apart; chunks add up to the message that `invoke` would have returned."""
    model = ChatKilo(model=MODEL, reasoning="low")
    whole = None
    for chunk in model.stream(f"{NOTES} When does the night train leave?"):
        for block in chunk.content_blocks:
            if block["type"] == "reasoning":
                print(f"[{block['reasoning']}]", end="", flush=True)
            elif block["type"] == "text":
                print(block["text"], end="", flush=True)
        whole = chunk if whole is None else whole + chunk
    print()
    if whole is not None:
        print("tokens", whole.usage_metadata, "cost in USD", whole.response_metadata.get("cost"))


async def stream_a_chain() -> None:
    """Stream a chain of prompt and model; several streams may run in one event loop."""
    prompt = ChatPromptTemplate([("system", "Answer from these notes: {notes}"), ("human", "{question}")])
    chain = prompt | ChatKilo(model=MODEL)
    async for chunk in chain.astream({"notes": NOTES, "question": "When is breakfast served?"}):
        print(chunk.text, end="", flush=True)
    print()


if __name__ == "__main__":
    with a_gateway():
        stream_with_reasoning()
        asyncio.run(stream_a_chain())
        print(len(ChatKilo(model=MODEL).batch(["Hello.", "Hello again."])), "answers at once")
