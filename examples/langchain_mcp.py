"""MCP: an agent uses the tools of a server that speaks the Model Context Protocol.

Needs `pip install langchain-kilo langchain langchain-mcp-adapters "mcp<2"`. Here the server is a process of our own; a
remote one is the same with `{"transport": "streamable_http", "url": ...}`.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from _gateway import a_gateway
from langchain.agents import create_agent
from langchain_mcp_adapters.client import MultiServerMCPClient
from langchain_mcp_adapters.tools import load_mcp_tools

from langchain_kilo import ChatKilo

SERVER = {"transport": "stdio", "command": sys.executable, "args": [str(Path(__file__).parent / "_mcp_server.py")]}


async def main() -> None:
    """Ask a question that only the server can answer."""
    async with MultiServerMCPClient({"weather": SERVER}).session("weather") as session:  # one process for all calls
        tools = await load_mcp_tools(session)
        agent = create_agent(ChatKilo(model="openai/gpt-5.2"), tools)
        question = {"role": "user", "content": "What is the temperature in Paris and in Rome?"}
        async for message, _ in agent.astream({"messages": [question]}, stream_mode="messages"):
            if message.type == "tool":
                print("tool   ", message.text)
            elif message.text:
                print(message.text, end="", flush=True)
    print()
    print("tools  ", [tool.name for tool in tools])
    print("model  ", ChatKilo(model="openai/gpt-5.2").model)


if __name__ == "__main__":
    with a_gateway():
        asyncio.run(main())
