"""Figures of the edge for Prometheus. Routes are named by their template, so that no caller can add a series."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from prometheus_client import Histogram

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
REQUEST_SECONDS: Final = Histogram(
    "halfpenny_http_request_seconds",
    "Time from a request's first byte to the end of its answer.",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)


# Finding the figure of three labels costs more than counting, so each is found once.
_figures: dict[tuple[str, str, int], Histogram] = {}


def count(scope: Mapping[str, Any], status: int, duration_s: float) -> None:
    labels = (scope["method"] if scope["method"] in _METHODS else "other", template_of(scope), status)
    figure = _figures.get(labels)
    if figure is None:
        figure = _figures[labels] = REQUEST_SECONDS.labels(*labels)
    figure.observe(duration_s)


def template_of(scope: Mapping[str, Any]) -> str:
    """``/api/v1/loans/{loan_id}``, or ``none`` where no route was found."""
    template: str | None = scope.get("route_template")
    if template is not None:
        return template
    if "route" not in scope:
        return "none"
    # The route itself knows its path only without the prefix that it was included under.
    names = {str(value): f"{{{name}}}" for name, value in scope.get("path_params", {}).items()}
    return "/".join(names.get(segment, segment) for segment in scope["path"].split("/"))
