"""Prints ops/grafana/halfpenny.json: a panel an indicator with its limit, and those of requests and of the desk."""

from __future__ import annotations

import sys
from typing import Any

import msgspec

from halfpenny.entrypoints.alert_rules import INVEST_P99_S
from halfpenny.entrypoints.operating import INDICATORS
from halfpenny.platform.indicators import Indicator
from halfpenny_monitoring.drift import PSI_ACT

_COLUMNS, _WIDTH, _HEIGHT = 3, 8, 7
_REQUESTS = "halfpenny_http_request_seconds"
# (title, expression, legend, unit, limit)
TRAFFIC: tuple[tuple[str, str, str, str, float | None], ...] = (
    ("Requests a second by status", f"sum by (status) (rate({_REQUESTS}_count[5m]))", "{{status}}", "reqps", None),
    (
        "Requests: 99th percentile by route",
        f"topk(8, histogram_quantile(0.99, sum by (le, route) (rate({_REQUESTS}_bucket[5m]))))",
        "{{route}}",
        "s",
        INVEST_P99_S,
    ),
    ("Tickets a second", "sum(rate(halfpenny_desk_batch_tickets_sum[5m]))", "tickets", "ops", None),
    (
        "Batch of the desk: 99th percentile",
        "histogram_quantile(0.99, sum by (le) (rate(halfpenny_desk_batch_seconds_bucket[5m])))",
        "p99",
        "s",
        None,
    ),
    ("Open WebSockets", "sum(halfpenny_realtime_sockets)", "sockets", "short", None),
    (
        "Messages by what became of them",
        "sum by (verdict) (rate(halfpenny_queue_verdicts_total[5m]))",
        "{{verdict}}",
        "ops",
        None,
    ),
    (
        "Assessments: 99th percentile",
        "histogram_quantile(0.99, sum by (le) (rate(risk_assessment_seconds_bucket[5m])))",
        "p99",
        "s",
        None,
    ),
    ("Assessments a second by outcome", "sum by (outcome) (rate(risk_request_total[5m]))", "{{outcome}}", "ops", None),
    ("Drift of the applications", "max by (feature) (halfpenny_risk_feature_psi)", "{{feature}}", "short", PSI_ACT),
)


def _unit(indicator: Indicator) -> str:
    return (
        "s" if indicator.name.endswith("_seconds") else "percentunit" if indicator.name.endswith("_ratio") else "short"
    )


def _panel(place: int, title: str, expression: str, legend: str, unit: str, limit: float | None) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if limit is not None:
        steps.append({"color": "red", "value": limit})
    return {
        "id": place + 1,
        "type": "timeseries",
        "title": title,
        "gridPos": {"x": place % _COLUMNS * _WIDTH, "y": place // _COLUMNS * _HEIGHT, "w": _WIDTH, "h": _HEIGHT},
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "targets": [{"refId": "A", "expr": expression, "legendFormat": legend}],
        "fieldConfig": {
            "defaults": {
                "unit": unit,
                "min": 0,
                "thresholds": {"mode": "absolute", "steps": steps},
                "custom": {"thresholdsStyle": {"mode": "line" if limit is not None else "off"}},
            },
            "overrides": [],
        },
    }


def panels() -> list[dict[str, Any]]:
    made = [
        (
            f"{each.name}: {each.description}",
            f"max by ({each.label}) ({each.metric})" if each.label else f"max({each.metric})",
            f"{{{{{each.label}}}}}" if each.label else each.name,
            _unit(each),
            each.limit,
        )
        for each in INDICATORS
    ]
    return [_panel(place, *each) for place, each in enumerate((*TRAFFIC, *made))]


def as_json() -> str:
    board = {
        "uid": "halfpenny",
        "title": "Halfpenny",
        "tags": ["halfpenny"],
        "timezone": "utc",
        "schemaVersion": 39,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [{"name": "datasource", "type": "datasource", "query": "prometheus"}]},
        "panels": panels(),
    }
    return msgspec.json.format(msgspec.json.encode(board), indent=2).decode() + "\n"


if __name__ == "__main__":
    sys.stdout.write(as_json())
