"""The report: one HTML file that shows a comparison and opens offline."""

from gridpact.study.report._page import write_report
from gridpact.study.report._view import LedgerLink

__all__ = ["LedgerLink", "write_report"]
