"""What callbacks of both frameworks count costs with: the core's tracker, and the calls that it counts."""

from __future__ import annotations

from kilo_gateway.costs.tracker import CostTracker, active_trackers, cost_tags, counting_in

__all__ = ["CostTracker", "active_trackers", "cost_tags", "counting_in"]
