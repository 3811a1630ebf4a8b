"""The tour: one LangChain chain, one tool call, one LlamaIndex query engine. Run it with `make demo`.

With KILOCODE_API_KEY set it talks to the real gateway; without, to the embedded one, which needs no key and no network.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from _gateway import a_gateway
from langchain_core.messages import HumanMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tools import tool
from llama_index.core import SimpleDirectoryReader, SimpleKeywordTableIndex

from langchain_kilo import ChatKilo
from llama_index_kilo import KiloLLM

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_core.messages import AIMessageChunk

MODEL = "anthropic/claude-sonnet-4.6"
"""A model that thinks aloud; where none is named below, the gateway's own route kilo/auto answers."""

DOCUMENTS = Path(__file__).parent / "documents"
NOTES = (
    "The night train to Vienna leaves Hamburg at 20:29. It stops in Berlin at 22:41. "
    "Breakfast is served from six o'clock. Bicycles need a reservation."
)
TEMPERATURES = {"paris": 21, "rome": 27, "oslo": 12}


@tool
def get_temperature(city: str) -> str:
    """Get the temperature in a city, in degrees Celsius."""
    degrees = TEMPERATURES.get(city.lower())
    return f"It is {degrees} degrees in {city}." if degrees is not None else f"Nothing is known about {city}."


def langchain_chain() -> None:
    """Stream the answer of a chain: prompt, then model."""
    heading("LangChain: a chain that streams")
    prompt = ChatPromptTemplate([("system", "Answer from these notes: {notes}"), ("human", "{question}")])
    chain = prompt | ChatKilo(model=MODEL, reasoning="low")
    question = "When does the night train leave Hamburg?"
    print(f"question   {question}")
    show_stream(chain.stream({"notes": NOTES, "question": question}))


def langchain_tool_call() -> None:
    """Let the model call a tool, run it, and stream the answer that it gives with the results."""
    heading("LangChain: a tool call")
    model = ChatKilo(model=MODEL, reasoning="low").bind_tools([get_temperature])
    question = HumanMessage("What is the temperature in Paris and in Rome?")
    print(f"question   {question.content}")
    request = model.invoke([question])
    show("reasoning", request.response_metadata.get("reasoning"))
    results = []
    for call in request.tool_calls:
        result = get_temperature.invoke(call)
        results.append(result)
        print(f"tool call  {call['name']}({call['args']}) -> {result.content}")
    show_stream(model.stream([question, request, *results]))


def llama_index_query_engine() -> None:
    """Ask a query engine over the documents of this folder."""
    heading("LlamaIndex: a query engine over documents")
    documents = SimpleDirectoryReader(str(DOCUMENTS)).load_data()
    llm = KiloLLM(model="google/gemini-3-flash-preview")
    index = SimpleKeywordTableIndex.from_documents(documents, llm=llm)
    engine = index.as_query_engine(llm=llm, streaming=True, retriever_mode="simple")
    for question in ("How long is the Suez Canal?", "Who deciphered the dance of the honey bees?"):
        print(f"question   {question}")
        print("answer     ", end="")
        answer = engine.query(question)
        for text in answer.response_gen:
            print(text, end="", flush=True)
        print(f"\nsources    {', '.join(sorted({node.metadata['file_name'] for node in answer.source_nodes}))}")
    summary = llm.complete(f"Write a summary of the following text.\n{documents[-1].text}")
    show("summary", summary.text)
    show_facts(summary.additional_kwargs)


def show_stream(chunks: Any) -> None:
    """Print reasoning and text as they arrive, then what the answer cost."""
    whole: AIMessageChunk | None = None
    label = ""
    for chunk in chunks:
        whole = chunk if whole is None else whole + chunk
        for name, text in (("reasoning", chunk.additional_kwargs.get("reasoning_content")), ("answer", chunk.text)):
            if text and name != label:
                print(f"{chr(10) if label else ''}{name:<11}", end="")
                label = name
            print(text or "", end="", flush=True)
    print()
    if whole is not None:
        show_facts(whole.response_metadata)


def show_facts(metadata: Mapping[str, Any]) -> None:
    """Print model, tokens and cost; both adapters use the same names for them."""
    usage = metadata.get("usage", {})
    show("model", metadata.get("model"))
    show("tokens", f"{usage.get('prompt_tokens')} in, {usage.get('completion_tokens')} out")
    cost = metadata.get("cost")
    show("cost", None if cost is None else f"${cost:.6f}")


def show(label: str, value: Any) -> None:
    """Print a labelled value, if there is one."""
    if value:
        print(f"{label:<11}{value}")


def heading(text: str) -> None:
    """Print what comes next."""
    print(f"\n=== {text} ===")


def main() -> None:
    """Run the tour."""
    langchain_chain()
    langchain_tool_call()
    llama_index_query_engine()


NEXT = """
=== Next: the same with a model behind it ===
1. Sign in at https://app.kilo.ai, open API Keys, generate one.
2. export KILOCODE_API_KEY=...      (models whose id ends in :free need none)
3. make demo                        asks the gateway itself; docs/index.md goes on from here.
"""


if __name__ == "__main__":
    with a_gateway() as is_embedded:
        main()
        if is_embedded:
            print(NEXT.rstrip())
