"""What callbacks of both frameworks count costs with: the core's tracker, and the calls that it counts."""

from __future__ import annotations

from kilo_gateway.costs.tracker import CostTracker, cost_tags, counting_in

__all__ = ["CostTracker", "cost_tags", "counting_in"]
