"""Reports from the published marts: one HTML page that needs nothing but a browser."""

from answerable.reports.figures import headline
from answerable.reports.page import ReportError, write

__all__ = ["ReportError", "headline", "write"]
