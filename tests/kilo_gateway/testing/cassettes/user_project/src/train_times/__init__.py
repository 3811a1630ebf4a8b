"""Answers questions about a timetable. A project as somebody else would write it, used by a test of this package."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate

from kilo_gateway import AsyncKiloClient
from langchain_kilo import ChatKilo

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MODEL = "anthropic/claude-sonnet-4.6"
TIMETABLE = "The night train to Vienna leaves Hamburg at 20:29. It stops in Berlin at 22:41."
PROMPT = ChatPromptTemplate(
    [("system", "Answer in one sentence from this timetable: {timetable}"), ("human", "{question}")]
)


def answer(question: str) -> str:
    """Return the answer to a question."""
    chain = PROMPT | ChatKilo(model=MODEL) | StrOutputParser()
    return chain.invoke({"timetable": TIMETABLE, "question": question})


async def tell(question: str) -> AsyncIterator[str]:
    """Yield the answer as it comes, without a framework."""
    messages = [{"role": "user", "content": f"{TIMETABLE} {question}"}]
    async for delta in AsyncKiloClient(model=MODEL).stream(messages):
        if delta.text:
            yield delta.text
