"""A small MCP server for `langchain_mcp.py`: one tool, over standard input and output."""

from mcp.server.fastmcp import FastMCP

server = FastMCP("weather", log_level="ERROR")


@server.tool()
def get_temperature(city: str) -> str:
    """Get the temperature in a city, in degrees Celsius."""
    return f"It is {len(city) * 4} degrees in {city}."


if __name__ == "__main__":
    server.run()
