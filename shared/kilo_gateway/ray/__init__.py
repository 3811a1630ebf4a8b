"""Many requests on a Ray cluster: a processor for Ray Data whose workers share one limit, one pause and one budget.

`build_processor` is what most people want; `KiloProcessor` goes into `Dataset.map_batches`. No other room knows Ray.
"""

try:
    import ray as _ray  # noqa: F401 - the extra may be missing
except ModuleNotFoundError as error:
    if error.name != "ray":
        raise
    raise ModuleNotFoundError(
        'kilo_gateway.ray needs an extra. Install it with: pip install "kilo-gateway[ray]"', name="ray"
    ) from None

from kilo_gateway.ray.dataset import Processor as Processor
from kilo_gateway.ray.dataset import build_processor as build_processor
from kilo_gateway.ray.messages import RunTotals as RunTotals
from kilo_gateway.ray.processor import KiloProcessor as KiloProcessor

__all__ = ["KiloProcessor", "Processor", "RunTotals", "build_processor"]
