"""A web page that streams: a FastAPI endpoint sends the answer as server-sent events, a small page shows it.

Needs `pip install langchain-kilo fastapi uvicorn httpx`. `uvicorn web_page:app` serves it; run as it is,
it asks itself once.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from _gateway import a_gateway
from fastapi import FastAPI
from fastapi.responses import HTMLResponse, StreamingResponse
from fastapi.testclient import TestClient

from kilo_gateway import KiloError
from langchain_kilo import ChatKilo

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PAGE = """<!doctype html>
<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Ask</title>
<style>body{font:1.1rem system-ui;max-width:40rem;margin:3rem auto;padding:0 1rem} pre{white-space:pre-wrap}</style>
<form id="form"><input id="question" autofocus size="40" placeholder="Ask something"> <button>Ask</button></form>
<pre id="answer"></pre>
<script>
form.onsubmit = (submitted) => {
  submitted.preventDefault();
  answer.textContent = "";
  const events = new EventSource("/answer?question=" + encodeURIComponent(question.value));
  events.onmessage = (event) => { answer.textContent += JSON.parse(event.data); };
  events.addEventListener("done", () => { events.close(); document.title = "Done"; });
  events.addEventListener("failed", (event) => { events.close(); answer.textContent += " " + JSON.parse(event.data); });
};
</script>
"""

app = FastAPI()


@app.get("/", response_class=HTMLResponse)
def page() -> str:
    """Return the page."""
    return PAGE


@app.get("/answer")
async def answer(question: str) -> StreamingResponse:
    """Stream the answer; a reader who leaves ends it at the gateway too, without any code here."""
    return StreamingResponse(events(question), media_type="text/event-stream")


async def events(question: str) -> AsyncIterator[str]:
    """Yield server-sent events: pieces of text, then `done`, or `failed` with a sentence that may be shown."""
    model = ChatKilo(model="openai/gpt-5-mini")  # objects share the connections of the process
    try:
        async for chunk in model.astream(question):
            if chunk.text:
                yield f"data: {json.dumps(chunk.text)}\n\n"
        yield "event: done\ndata: null\n\n"
    except KiloError as error:
        yield f"event: failed\ndata: {json.dumps(str(error))}\n\n"


def main() -> None:
    """Ask as the page does, and print what goes over the wire."""
    asked = {"question": "When does the train leave? The night train leaves at 20:29."}
    with TestClient(app) as client, client.stream("GET", "/answer", params=asked) as told:
        for line in told.iter_lines():
            print(line)


if __name__ == "__main__":
    with a_gateway():
        main()
