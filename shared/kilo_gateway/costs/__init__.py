"""What calls cost: counted by model, provider and tag, bounded before they are sent, held within a budget.

Users enter `tracker.cost_tracker`; a call carries `call_costs.CallCosts` where a tracker is active; a batch takes
`budget` and `prices` by itself.
"""
