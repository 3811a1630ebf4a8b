"""ChatKilo and KiloEmbeddings against recorded answers."""

from __future__ import annotations

import asyncio

import pytest
from langchain_core.messages import HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tools import tool

from langchain_kilo import ChatKilo, KiloEmbeddings

pytestmark = pytest.mark.kilo_cassette

MODEL = "anthropic/claude-sonnet-4.6"
NOTES = "The train leaves at 20:29."


@tool
def get_temperature(city: str) -> str:
    """Get the temperature in a city."""
    return f"It is 21 degrees in {city}."


def test_a_chain() -> None:
    """A chain of prompt, model and parser gives its text."""
    prompt = ChatPromptTemplate([("system", "Answer from these notes: {notes}"), ("human", "{question}")])
    chain = prompt | ChatKilo(model=MODEL) | StrOutputParser()
    assert "20:29" in chain.invoke({"notes": NOTES, "question": "When does the train leave?"})


def test_an_async_stream() -> None:
    """Streamed chunks arrive as from the gateway."""

    async def read() -> str:
        return "".join([chunk.text async for chunk in ChatKilo(model=MODEL).astream(f"{NOTES} When does it leave?")])

    assert "20:29" in asyncio.run(read())


def test_a_tool_call_and_its_result() -> None:
    """A tool call and the answer to its result are two recorded calls."""
    model = ChatKilo(model=MODEL).bind_tools([get_temperature])
    question = HumanMessage("What is the temperature in Paris?")
    request = model.invoke([question])
    results = [get_temperature.invoke(call) for call in request.tool_calls]
    assert "21" in model.invoke([question, request, *results]).text


def test_embeddings() -> None:
    """Texts become vectors."""
    model = KiloEmbeddings(model="openai/text-embedding-3-small", dimensions=8)
    assert len(model.embed_query("a canal")) == 8
