"""Tools: bind them, run what the model asks for, send the results back.

Needs `pip install langchain-kilo`.
"""

from __future__ import annotations

from _gateway import a_gateway
from langchain_core.messages import AIMessageChunk, HumanMessage
from langchain_core.tools import tool

from langchain_kilo import ChatKilo

MODEL = "openai/gpt-5.2"
TEMPERATURES = {"Paris": 21, "Rome": 27}


@tool
def get_temperature(city: str) -> str:
    """Get the temperature in a city, in degrees Celsius."""
    return f"It is {TEMPERATURES[city]} degrees in {city}."


def answer_with_tools(question: str) -> None:
    """Go round between model and tools until the model answers in words."""
    model = ChatKilo(model=MODEL).bind_tools([get_temperature])
    messages = [HumanMessage(question)]
    while True:
        answer = model.invoke(messages)
        messages.append(answer)
        if answer.invalid_tool_calls:
            print("cut off or broken, so not run:", answer.invalid_tool_calls)
        if not answer.tool_calls:
            break
        for call in answer.tool_calls:
            print("call  ", call["name"], call["args"])
            messages.append(get_temperature.invoke(call))
    print("answer", answer.text)


def stream_a_call(question: str) -> None:
    """Watch the arguments arrive; a tool call is complete when the chunks are added up."""
    model = ChatKilo(model=MODEL).bind_tools([get_temperature], tool_choice="get_temperature")
    whole = AIMessageChunk(content="")
    for chunk in model.stream(question):
        for piece in chunk.tool_call_chunks:
            print("piece ", piece["args"])
        whole = whole + chunk
    print("call  ", whole.tool_calls)


if __name__ == "__main__":
    with a_gateway():
        answer_with_tools("What is the temperature in Paris and in Rome?")
        stream_a_call("What is the temperature in Rome?")
