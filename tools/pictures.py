"""Make the pictures of the documentation anew: the command line, and the page that shows what a chain sends.

`make pictures`. Everything in them is a real run against the embedded gateway; the page needs Chromium.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from pathlib import Path
from queue import Queue
from typing import Any

from langchain_core.tools import tool
from rich.text import Text

from kilo_gateway.testing import EmbeddedGateway, serve
from langchain_kilo import ChatKilo
from tests.kilo_gateway.testing.page.browser import PROGRAM, Browser
from tools.terminal_picture import show, write_svg

PICTURES = Path(__file__).parent.parent / "docs" / "pictures"
COMMANDS = {
    "chat": (
        'chat "The train leaves at 20:29. When does it leave?" -m anthropic/claude-sonnet-4.6',
        'chat "Ann is 41 years old." -m openai/gpt-5-mini --schema "name, age int"',
        'chat "Say hello." -m claude-sonet-4.6',
    ),
    "models": ("models sonnet", "models --tools --min-context 200k --max-price 1 --sort price"),
    "batch": ('batch in.csv out.csv --template "Where is {city}?" -m openai/gpt-5-mini --budget 5',),
}
"""Name of a picture -> what is typed in it, after `kilo-gateway`."""


@tool
def weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"{city}: light rain, 8 degrees."


def draw_command_line(folder: Path) -> None:
    """Draw each command, and the first lines of what it shows."""
    (folder / "in.csv").write_text("city\n" + "Paris\nRome\nOslo\n" * 100, "utf-8")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KILO")}
    with EmbeddedGateway() as gateway:
        here = {"KILOCODE_BASE_URL": gateway.base_url, "KILOCODE_API_KEY": gateway.api_key}
        environment = {**kept, **here, "HOME": str(folder), "TERM": "xterm-256color"}
        for name, commands in COMMANDS.items():
            lines = [line for typed in commands for line in (*show(typed, environment, folder, most=14), Text())]
            write_svg(lines, PICTURES / f"{name}.svg")


def photograph_page(folder: Path) -> None:
    """Let a chain call a tool, and photograph what the page shows of it."""
    started: Queue[Any] = Queue()
    done = threading.Event()
    thread = threading.Thread(target=lambda: serve(announce=started.put, should_stop=done.is_set))
    thread.start()
    serving = started.get(timeout=10)
    try:
        _call_a_tool(serving)
        with Browser(folder / "browser") as browser:
            tab = browser.open(serving.page)
            tab.wait_for("document.querySelectorAll('details').length > 1")
            tab.take_picture(PICTURES / "page.png", width=1280, height=1060)
    finally:
        done.set()
        thread.join()


def _call_a_tool(serving: Any) -> None:
    os.environ["KILOCODE_TELL_CHANGES"] = "1"
    model = ChatKilo(base_url=serving.base_url, api_key=serving.api_key, model="google/gemini-3-flash-preview")
    calling = model.bind_tools([weather]).bind(reasoning_effort="high", stop="END", models=["openai/gpt-5-mini"])
    talk: list[Any] = [("system", "Answer in one sentence."), ("user", "How is the weather in Oslo?")]
    request = calling.invoke(talk)
    for _ in calling.stream([*talk, request, *(weather.invoke(call) for call in request.tool_calls)]):
        pass


if __name__ == "__main__":
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        draw_command_line(Path(scratch))
        if PROGRAM is None:
            sys.exit("The picture of the page needs Chromium: make browser")
        photograph_page(Path(scratch))
    print(*sorted(f"docs/pictures/{path.name}" for path in PICTURES.iterdir()), sep="\n")
