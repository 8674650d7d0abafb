"""Prints ops/prometheus/rules.yml: one alert an indicator, and those of requests. A test compares the file."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from halfpenny.entrypoints.operating import INDICATORS
from halfpenny.platform.alerts import alert_name
from halfpenny.platform.indicators import RUNBOOKS, Indicator, Severity
from halfpenny_monitoring.drift import PSI_ACT

# Of a thousand requests one may fail (99.9 % over 30 days). The pairs of windows and factors are those of the Site
# Reliability Workbook, chapter 5: 2 % of a month's budget within an hour, 5 % within six.
ERROR_BUDGET = 0.001
INVEST_P99_S = 0.5
_ALL = "halfpenny_http_request_seconds_count"
_INVEST = 'halfpenny_http_request_seconds_bucket{route=~"/api/v1/(loans/{loan_id}/invest|investments/bulk)"}'


@dataclass(frozen=True, slots=True)
class Rule:
    """One alert of Prometheus."""

    alert: str
    expression: str
    lasting_s: int
    severity: Severity
    summary: str
    runbook: str


def _failing(window: str, factor: float) -> str:
    failed = f'sum(rate({_ALL}{{status=~"5.."}}[{window}]))'
    return f"{failed} / sum(rate({_ALL}[{window}])) > {factor * ERROR_BUDGET:g}"


OTHERS = (
    Rule(
        "TargetDown",
        'up{job=~"halfpenny.*"} == 0',
        120,
        Severity.PAGE,
        "{{ $labels.job }} at {{ $labels.instance }} does not answer.",
        f"{RUNBOOKS}/target-down.md",
    ),
    Rule(
        "IndicatorsMissing",
        "absent(halfpenny_outbox_oldest_seconds)",
        300,
        Severity.PAGE,
        "No worker measures the indicators: none of the other alerts can fire.",
        f"{RUNBOOKS}/target-down.md",
    ),
    Rule(
        "RequestsFailFast",
        f"({_failing('5m', 14.4)}) and ({_failing('1h', 14.4)})",
        0,
        Severity.PAGE,
        "Requests fail so often that a month's error budget lasts two days.",
        f"{RUNBOOKS}/requests-fail.md",
    ),
    Rule(
        "RequestsFailSlowly",
        f"({_failing('30m', 6)}) and ({_failing('6h', 6)})",
        0,
        Severity.TICKET,
        "Requests fail so often that a month's error budget lasts five days.",
        f"{RUNBOOKS}/requests-fail.md",
    ),
    Rule(
        "InvestingSlow",
        f"histogram_quantile(0.99, sum by (le) (rate({_INVEST}[5m]))) > {INVEST_P99_S:g}",
        300,
        Severity.PAGE,
        f"One in a hundred investments takes longer than {INVEST_P99_S:g} s.",
        f"{RUNBOOKS}/investing-slow.md",
    ),
    Rule(
        "RiskFeatureDrift",
        f"max by (feature) (halfpenny_risk_feature_psi) > {PSI_ACT}",
        3600,
        Severity.TICKET,
        "Applications differ from those that the models were trained on: {{ $labels.feature }}.",
        f"{RUNBOOKS}/risk-feature-drift.md",
    ),
)


def rule_of(indicator: Indicator, faster: int = 1) -> Rule:
    """All workers measure the same, so the highest of their figures counts. ``faster`` divides limits in seconds."""
    limit = indicator.limit / faster if indicator.name.endswith("_seconds") else indicator.limit
    by = f" by ({indicator.label})" if indicator.label else ""
    of = f" of {{{{ $labels.{indicator.label} }}}}" if indicator.label else ""
    return Rule(
        alert_name(indicator),
        f"max{by} ({indicator.metric}) > {limit:g}",
        indicator.lasting_s,
        indicator.severity,
        f"{indicator.name}{of} is {{{{ $value }}}}, above {indicator.limit:g}. {indicator.description}",
        indicator.runbook,
    )


RULES = (*(rule_of(each) for each in INDICATORS), *OTHERS)


def as_yaml(faster: int = 1) -> str:
    """The rules; a drill has no time, and divides limits in seconds and durations by ``faster``."""
    lines = [
        "# Made by `make docs` from the indicators and src/halfpenny/entrypoints/alert_rules.py. Not changed by hand.",
        "groups:",
        "  - name: halfpenny",
        "    rules:",
    ]
    for rule in (*(rule_of(each, faster) for each in INDICATORS), *OTHERS):
        lines += [
            f"      - alert: {rule.alert}",
            f"        expr: {_quoted(rule.expression)}",
            f"        for: {rule.lasting_s // faster}s",
            "        labels:",
            f"          severity: {rule.severity.value}",
            "        annotations:",
            f"          summary: {_quoted(rule.summary)}",
            f"          runbook: {rule.runbook}",
        ]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


if __name__ == "__main__":
    sys.stdout.write(as_yaml())
