"""Agents: `create_agent` with memory, retries, a second model in reserve, and a stream of what happens.

Needs `pip install langchain-kilo langchain langgraph`.
"""

from __future__ import annotations

from _gateway import a_gateway
from langchain.agents import create_agent
from langchain.agents.middleware import ModelFallbackMiddleware, ModelRetryMiddleware
from langchain_core.messages import AIMessageChunk
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver

from langchain_kilo import ChatKilo


@tool
def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"It is sunny in {city}."


def main() -> None:
    """Ask twice in one thread: reasoning goes back to the model on every turn, as the gateway sent it."""
    agent = create_agent(
        ChatKilo(model="anthropic/claude-sonnet-4.6", reasoning="low"),
        [get_weather],
        system_prompt="You tell the weather.",
        middleware=[ModelRetryMiddleware(), ModelFallbackMiddleware(ChatKilo(model="openai/gpt-5.2"))],
        checkpointer=InMemorySaver(),
    )
    thread = {"configurable": {"thread_id": "1"}}
    for question in ("How is the weather in Paris and in Rome?", "And in Oslo, how is the weather?"):
        print("question", question)
        asked = {"messages": [{"role": "user", "content": question}]}
        for message, _ in agent.stream(asked, thread, stream_mode="messages"):
            if message.type == "tool":
                print("tool    ", message.text)
            elif isinstance(message, AIMessageChunk):
                print(message.text, end="", flush=True)
        print()
    print("messages", len(agent.get_state(thread).values["messages"]))


if __name__ == "__main__":
    with a_gateway():
        main()
