"""The pause that all callers of a gateway and key share in a process, the queue before it, and their retry budget.

Clients go through `entering`; a batch takes `Gate` and `Permit` by itself.
"""

from kilo_gateway.gate.gate import LONGEST_PAUSE_SECONDS as LONGEST_PAUSE_SECONDS
from kilo_gateway.gate.gate import Gate as Gate
from kilo_gateway.gate.gate import Permit as Permit
from kilo_gateway.gate.gate import forget_gates as forget_gates
from kilo_gateway.gate.gate import gate_of as gate_of

__all__ = ["LONGEST_PAUSE_SECONDS", "Gate", "Permit", "forget_gates", "gate_of"]
