"""Agents: FunctionAgent with tools and memory, its events as they happen, and what the run cost.

Needs `pip install llama-index-llms-kilo`.
"""

from __future__ import annotations

import asyncio

from _gateway import a_gateway
from llama_index.core.agent.workflow import AgentStream, FunctionAgent, ToolCallResult
from llama_index.core.memory import ChatMemoryBuffer

from llama_index_kilo import KiloLLM


def get_temperature(city: str) -> str:
    """Get the temperature in a city, in degrees Celsius."""
    return f"It is {len(city) * 4} degrees in {city}."


def multiply(a: float, b: float) -> float:
    """Multiply two numbers."""
    return a * b


async def main() -> None:
    """Ask two questions in one conversation; reasoning goes back to the model with each turn, as it came."""
    agent = FunctionAgent(
        tools=[get_temperature, multiply],
        llm=KiloLLM(model="anthropic/claude-sonnet-4.6", reasoning="low"),
        system_prompt="You answer with the help of your tools.",
    )
    memory = ChatMemoryBuffer.from_defaults(llm=agent.llm)
    for question in ("What is the temperature in Paris and in Rome?", "What is 21 times 2?"):
        print(f"question   {question}")
        run = agent.run(question, memory=memory)
        thoughts = ""
        async for event in run.stream_events():
            if isinstance(event, AgentStream):
                thoughts += event.thinking_delta or ""
            elif isinstance(event, ToolCallResult):
                print(f"tool call  {event.tool_name}({event.tool_kwargs}) -> {event.tool_output}")
        answer = await run
        print(f"reasoning  {thoughts}\nanswer     {answer}")


if __name__ == "__main__":
    with a_gateway():
        asyncio.run(main())
