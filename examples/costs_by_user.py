"""Costs by user in a web service: one tracker for all, a tag for each request, in ten lines of middleware.

Needs `pip install kilo-gateway starlette httpx`; a server such as uvicorn runs `app` as it is.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx
from _gateway import a_gateway
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

from kilo_gateway import cost_tracker
from langchain_kilo import ChatKilo

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

costs = cost_tracker()


class CountByUser:
    """Tag every call of a request with its user; streams that answer it are counted, too."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the request inside the tracker."""
        user = dict(scope.get("headers", ())).get(b"x-user", b"nobody").decode()
        with costs.tagged(user):
            await self.app(scope, receive, send)


async def chat(request: Request) -> StreamingResponse:
    """Answer with a stream of text."""
    question = request.query_params["q"]

    async def text() -> AsyncIterator[str]:
        async for chunk in ChatKilo(model="openai/gpt-5-mini").astream(question):
            yield chunk.text

    return StreamingResponse(text(), media_type="text/plain")


async def bill(_: Request) -> JSONResponse:
    """Tell who spent what; decimals as text, to the last digit."""
    return JSONResponse({user: {"calls": part.calls, "usd": str(part.cost)} for user, part in costs.by_tag.items()})


app = Starlette(routes=[Route("/chat", chat), Route("/bill", bill)], middleware=[Middleware(CountByUser)])


async def main() -> None:
    """Be three users at once, and look at the bill."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as browser:
        users = ("ann", "bob", "ann")
        asked = (browser.get("/chat", params={"q": "Name a river."}, headers={"x-user": user}) for user in users)
        for user, answer in zip(users, await asyncio.gather(*asked), strict=True):
            print(f"{user}: {answer.text}")
        for user, part in (await browser.get("/bill")).json().items():
            print(f"{user} spent ${part['usd']} on {part['calls']} calls")


if __name__ == "__main__":
    with a_gateway():
        asyncio.run(main())
