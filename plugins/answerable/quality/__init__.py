"""Checks: whether a night is fit to report from. What has to hold stands in `expectations/`."""

from answerable.quality.gate import GateFailed, Result, check, check_raw

__all__ = ["GateFailed", "Result", "check", "check_raw"]
