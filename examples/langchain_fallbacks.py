"""Fallbacks: another model when one fails, decided at the gateway or here, and for which errors.

Needs `pip install langchain-kilo`. The first model is made to fail by a gateway of our own, so this example never talks
to another one.
"""

from __future__ import annotations

from kilo_gateway import InsufficientCreditsError, ServerError
from kilo_gateway.testing import EmbeddedGateway, Fault
from langchain_kilo import ChatKilo

QUESTION = "When does the train leave? The night train leaves at 20:29."


def main() -> None:
    """Fail once, and see who answers."""
    with EmbeddedGateway() as gateway:
        here = {"base_url": gateway.base_url, "api_key": gateway.api_key, "max_retries": 0}
        first = ChatKilo(model="anthropic/claude-sonnet-4.6", **here)
        second = ChatKilo(model="openai/gpt-5-mini", **here)

        gateway.enqueue(Fault(status=502, body={"error": {"message": "Upstream fell"}}))
        chain = first.with_fallbacks([second], exceptions_to_handle=(ServerError, InsufficientCreditsError))
        answer = chain.invoke(QUESTION)
        print("answer   ", answer.text)
        print("asked    ", [request.body["model"] for request in gateway.requests])

        routed = ChatKilo(model="anthropic/claude-sonnet-4.6", models=["openai/gpt-5-mini"], **here)
        routed.invoke(QUESTION)  # one request: the gateway itself goes on to the next
        print("routed   ", gateway.requests[-1].body["models"])

        gateway.enqueue(Fault(status=502, body={"error": {"message": "Upstream fell"}}))
        patient = ChatKilo(model="anthropic/claude-sonnet-4.6", **(here | {"max_retries": 2}))
        print("patient  ", patient.invoke(QUESTION).text, f"({len(gateway.requests) - 3} requests)")


if __name__ == "__main__":
    main()
