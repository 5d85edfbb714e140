"""Which process does the work that is done once for a database: one at a time, wherever it runs."""

from marketplace.background.holder import Background, Duty
from marketplace.background.job import Job
from marketplace.background.lease import Holding, LeaseLostError

__all__ = ["Background", "Duty", "Holding", "Job", "LeaseLostError"]
