"""A case and its hotspots as one HTML file that needs nothing else to be read."""

from .contents import ReportCase, iter_values_at
from .facts import facts_of
from .page import iter_report, write_report

__all__ = ["ReportCase", "facts_of", "iter_report", "iter_values_at", "write_report"]
