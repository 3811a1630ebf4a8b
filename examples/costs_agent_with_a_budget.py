"""An agent with a budget: it ends before the request that could pass it, and says what it spent.

Needs `pip install langchain-kilo langchain langgraph`.
"""

from __future__ import annotations

from _gateway import a_gateway
from langchain.agents import create_agent
from langchain_core.tools import tool

from kilo_gateway import Budget, BudgetExceededError, cost_tracker
from langchain_kilo import ChatKilo


@tool
def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"It is sunny in {city}."


def main() -> None:
    """Send the agent around until its money is used up."""
    agent = create_agent(ChatKilo(model="openai/gpt-5-mini", max_tokens=200), [get_weather])
    budget = Budget("0.003")
    with cost_tracker(budget=budget) as costs:
        try:
            for number in range(1, 100):
                answer = agent.invoke({"messages": [("user", f"How is the weather in Oslo on day {number}?")]})
                print(f"day {number}: {answer['messages'][-1].text}")
        except BudgetExceededError as error:
            print(f"stopped: {error}")
    total = costs.total
    print(f"spent ${total.cost} of ${budget.usd} on {total.calls} calls, {total.unknown_costs} of unknown cost")
    for model, sums in costs.by_model.items():
        print(f"  {model}: {sums.input_tokens} tokens in, {sums.output_tokens} out, ${sums.cost}")


if __name__ == "__main__":
    with a_gateway():
        main()
