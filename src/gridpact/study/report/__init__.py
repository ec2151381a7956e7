"""The report: one HTML file that shows a comparison and opens offline."""

from gridpact.study.report._page import write_report

__all__ = ["write_report"]
