"""Errors: which there are, what they know, and how retries and fallbacks work with them.

Needs `pip install langchain-kilo`.
"""

from __future__ import annotations

from _gateway import a_gateway
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.exceptions import ModelAuthenticationError, ModelError, ModelInvalidRequestError

from kilo_gateway.errors import GatewayError, ModelNotFoundError
from langchain_kilo import ChatKilo


class RetryPrinter(BaseCallbackHandler):
    """Says when something is tried again."""

    def on_retry(self, retry_state, **_):  # noqa: D102 - what LangChain calls
        print("again in", retry_state.upcoming_sleep, "s after:", retry_state.outcome.exception())


def main() -> None:
    """Make some mistakes."""
    try:
        ChatKilo(temprature=0)
    except ModelInvalidRequestError as error:
        print("nothing was sent:", error)

    try:
        ChatKilo(model="nobody/nothing").invoke("Hello")
    except ModelNotFoundError as error:  # the core's class; LangChain's own ModelNotFoundError catches it, too
        print(error.status, "retry:", error.is_retryable, "request:", error.request_id)

    try:
        ChatKilo(api_key="wrong").invoke("Hello")
    except ModelAuthenticationError as error:
        print("key:", error)

    model = ChatKilo(model="openai/gpt-5.2", max_retries=4, timeout=30)  # at most five requests; 0 means one
    chain = ChatKilo(model="nobody/nothing").with_fallbacks([model], exceptions_to_handle=(ModelError,))
    print("fallback:", chain.invoke("Hello", {"callbacks": [RetryPrinter()]}).text)

    try:
        for chunk in model.stream("Tell me a story.", model="nobody/nothing"):
            print(chunk.text, end="")
    except GatewayError as error:
        print("what had arrived:", error.partial)


if __name__ == "__main__":
    with a_gateway():
        main()
