"""Many requests: run through one gate, at a concurrency that adapts, within a budget, into a file that survives.

`run_batch` and `arun_batch` take an iterable of `Request` and give each `Result` as it finishes, tied to its id.
Other rooms use these names, and `batch.job` for a whole file.
"""

from kilo_gateway.batch.requests import Request as Request
from kilo_gateway.batch.results import Result as Result
from kilo_gateway.batch.results import Totals as Totals
from kilo_gateway.batch.runner import BatchRun as BatchRun
from kilo_gateway.batch.running import arun_batch as arun_batch
from kilo_gateway.batch.running import run_batch as run_batch
from kilo_gateway.costs.budget import Budget as Budget

__all__ = ["BatchRun", "Budget", "Request", "Result", "Totals", "arun_batch", "run_batch"]
