"""How amounts are computed: exactly, whatever precision the application has set for its own decimals."""

from __future__ import annotations

from decimal import Context
from typing import Final

EXACT: Final = Context(prec=60)
