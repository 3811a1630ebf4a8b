"""Reasoning: how much, where it is in the answer, and how it goes back on the next turn.

Needs `pip install langchain-kilo`.
"""

from __future__ import annotations

from _gateway import a_gateway
from langchain_core.messages import HumanMessage, messages_from_dict, messages_to_dict

from langchain_kilo import ChatKilo


def main() -> None:
    """Ask, keep the conversation as JSON, and ask again."""
    model = ChatKilo(model="anthropic/claude-sonnet-4.6", reasoning="high")  # or {"max_tokens": 2000}
    question = HumanMessage("A train leaves at 20:29 and arrives at 22:41. When does the train arrive?")
    answer = model.invoke([question])
    for block in answer.content_blocks:
        print(f"{block['type']:<10}", block.get("reasoning") or block.get("text"))
    details = answer.response_metadata["reasoning_details"]
    print("signed    ", [detail["type"] for detail in details if detail.get("signature")])
    print("tokens    ", (answer.usage_metadata or {}).get("output_token_details"))

    history = messages_from_dict(messages_to_dict([question, answer]))  # as a database would keep it
    second = model.invoke([*history, HumanMessage("And when does it leave?")])
    print("second    ", second.text)

    quick = model.invoke([question], reasoning="off")
    print("unthought ", quick.text, "reasoning" in quick.response_metadata)


if __name__ == "__main__":
    with a_gateway():
        main()
