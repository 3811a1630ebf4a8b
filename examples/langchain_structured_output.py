"""Structured output: objects instead of text, by any of three methods, whole or growing in a stream.

Needs `pip install langchain-kilo`.
"""

from __future__ import annotations

from _gateway import a_gateway
from langchain_core.output_parsers import PydanticToolsParser
from pydantic import BaseModel, Field

from langchain_kilo import ChatKilo


class Person(BaseModel):
    """Somebody."""

    name: str
    age: int = Field(description="In years.")


TEXT = "My name is Ann and I am 41 years old."


def main() -> None:
    """Get a person out of a sentence."""
    model = ChatKilo(model="openai/gpt-5.2")
    print("object ", model.with_structured_output(Person).invoke(TEXT))

    for method in ("json_schema", "function_calling"):
        print(method, model.with_structured_output(Person, method=method).invoke(TEXT))

    for growing in model.with_structured_output(Person.model_json_schema()).stream(TEXT):
        print("growing", growing)

    checked = model.with_structured_output(Person, include_raw=True).invoke(TEXT)
    print("raw    ", checked["raw"].usage_metadata["total_tokens"], "tokens, error", checked["parsing_error"])

    tools = model.bind_tools([Person], tool_choice="Person") | PydanticToolsParser(tools=[Person])
    print("parser ", tools.invoke(TEXT))


if __name__ == "__main__":
    with a_gateway():
        main()
