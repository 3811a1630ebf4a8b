"""Evaluate two models over a dataset: every question to both, answers as they finish, within one budget.

Needs `pip install "kilo-gateway[batch]"`.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

from _gateway import a_gateway

from kilo_gateway import Pricing
from kilo_gateway.batch import Budget, Request, run_batch

MODELS = ("openai/gpt-5-mini", "google/gemini-3-flash-preview")
DATASET = {
    "train": ("The night train leaves at 20:29. When does the night train leave?", "20:29"),
    "canal": ("The Suez Canal is 193 kilometres long. How long is the Suez Canal?", "193"),
    "bees": ("Karl von Frisch deciphered the dance of the bees. Who deciphered the dance of the bees?", "Frisch"),
}


def requests() -> list[Request]:
    """Return a request for each question and model; the id says which."""
    return [
        Request(
            f"{model} {name}",
            {"model": model, "messages": [{"role": "user", "content": question}], "max_tokens": 100},
        )
        for model in MODELS
        for name, (question, _) in DATASET.items()
    ]


if __name__ == "__main__":
    with a_gateway():
        budget, right = Budget(usd=1), Counter[str]()
        price = Pricing(prompt=Decimal("0.25"), completion=Decimal(2))  # without it: the live list's
        for result in run_batch(requests(), budget=budget, price=price):
            model, name = result.custom_id.split()
            if result.error is not None:
                print("failed  ", result.custom_id, result.error)
                continue
            is_right = DATASET[name][1] in result.answer.text
            right[model] += is_right
            print("right   " if is_right else "wrong   ", result.custom_id, "->", result.answer.text)
        for model in MODELS:
            print(f"{right[model]} of {len(DATASET)} by {model}")
        print(f"spent ${budget.spent}")
