"""The pause that all callers of a gateway and key share in a process, the line before it, and their retry budget.

Clients go through `entering`; a batch takes `Gate` and `Ticket` by itself.
"""

from kilo_gateway.gate.gate import LONGEST_PAUSE_SECONDS as LONGEST_PAUSE_SECONDS
from kilo_gateway.gate.gate import Gate as Gate
from kilo_gateway.gate.gate import Ticket as Ticket
from kilo_gateway.gate.gate import forget_gates as forget_gates
from kilo_gateway.gate.gate import gate_of as gate_of

__all__ = ["LONGEST_PAUSE_SECONDS", "Gate", "Ticket", "forget_gates", "gate_of"]
