"""A case and its hotspots as one HTML file that needs nothing else to be read."""

from .case import ReportCase
from .page import iter_report, write_report

__all__ = ["ReportCase", "iter_report", "write_report"]
