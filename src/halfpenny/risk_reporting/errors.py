"""Errors of risk reporting."""

from __future__ import annotations

from halfpenny.primitives.errors import NotFound


class NoReportYet(NotFound):
    code = "no_risk_report"
    message = "No risk report has been made yet: the worker makes one every business day."


class MethodNotPublished(NotFound):
    code = "method_not_published"
    message = "The risk service has not published its method yet: it does so when it starts."
