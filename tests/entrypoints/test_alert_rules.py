"""The alert rules: made from the indicators, read by Prometheus' own tool, and each seen to fire and to end."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from prometheus_client import REGISTRY, generate_latest

from halfpenny.entrypoints import dashboard, operating
from halfpenny.entrypoints.alert_rules import INVEST_P99_S, OTHERS, RULES, as_yaml, rule_of
from halfpenny.funding import metrics as funding_metrics
from halfpenny.platform.http import metrics as http_metrics
from halfpenny.platform.indicators import RUNBOOKS, Readings
from halfpenny.platform.queue import metrics as queue_metrics
from halfpenny.realtime import metrics as realtime_metrics
from halfpenny.risk_reporting import metrics as risk_metrics
from halfpenny_monitoring.drift import PSI_ACT
from halfpenny_risk.service.metrics import Metrics

ROOT = Path(__file__).parents[2]
RULES_FILE = ROOT / "ops" / "prometheus" / "rules.yml"
DASHBOARD_FILE = ROOT / "ops" / "grafana" / "halfpenny.json"
PROMTOOL = shutil.which("promtool")
COUNTED_ELSEWHERE = (funding_metrics, http_metrics, queue_metrics, realtime_metrics, risk_metrics)
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed: apt-get install prometheus")


def test_the_files_are_those_that_the_indicators_make() -> None:
    assert RULES_FILE.read_text() == as_yaml(), "run make docs"
    assert DASHBOARD_FILE.read_text() == dashboard.as_json(), "run make docs"


def test_every_alert_has_a_runbook_that_says_what_to_do() -> None:
    folder = ROOT / "ops" / "runbooks"
    assert {rule.runbook for rule in RULES} == {str(path.relative_to(ROOT)) for path in folder.glob("*.md")}
    named = {Path(rule.runbook).name for rule in RULES}
    assert named == {path.name for path in folder.glob("*.md")}
    for name in sorted(named):
        text = (folder / name).read_text()
        assert re.match(r"# .+\n\n\*\*What it means\.\*\* ", text), name
        assert "\n**What to do.**" in text, name
        assert re.search(r"\n\*\*Followed\.\*\* (On 20|Not )", text), (
            f"{name}: whether it was followed, and what was seen"
        )


@pytest.mark.parametrize(
    ("name", "words", "limit"),
    [
        ("books_unchecked_seconds", "two days", 2 * 86_400),
        ("database_connections_ratio", "Four of five", 4 / 5),
        ("queue_oldest_seconds", "more than five minutes", 300),
        ("queue_waiting_events", "More than ten thousand", 10_000),
        ("job_late_seconds", "more than five minutes", 300),
        ("bank_lines_unmatched_seconds", "more than two days", 2 * 86_400),
        ("payment_pending_seconds", "more than three days", 3 * 86_400),
        ("distribution_unpaid_seconds", "a quarter of an hour", 900),
    ],
)
def test_a_limit_that_a_runbook_states_is_the_indicators(name: str, words: str, limit: float) -> None:
    [indicator] = [each for each in operating.INDICATORS if each.name == name]
    assert indicator.limit == limit
    assert words in (ROOT / indicator.runbook).read_text()


def test_the_runbooks_of_requests_and_drift_state_their_limits() -> None:
    folder = ROOT / RUNBOOKS
    assert f"more than {INVEST_P99_S:g} s" in (folder / "investing-slow.md").read_text()
    assert f"above {PSI_ACT}" in (folder / "risk-feature-drift.md").read_text()


def shown_metrics() -> set[str]:
    """Every name that a scrape of the API, of a worker or of the risk service has."""
    gauges = operating.Gauges()
    try:
        gauges.show(Readings((), frozenset()))
        text = generate_latest(REGISTRY).decode() + Metrics().exposition().decode()
    finally:
        gauges.unregister()
    assert COUNTED_ELSEWHERE
    families = re.findall(r"^# TYPE (\S+) (\w+)", text, re.MULTILINE)
    return {"up"} | {
        f"{name}{suffix}"
        for name, kind in families
        for suffix in (("_bucket", "_sum", "_count") if kind == "histogram" else ("",))
    }


def named_metrics(expression: str) -> set[str]:
    """The metrics of an expression: no function, no label, nothing quoted."""
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|by \([^)]*\)", "", re.sub(r'"[^"]*"', "", expression))
    return set(re.findall(r"\b(?:halfpenny|risk)_\w+|\bup\b", bare))


def test_every_metric_of_rules_and_dashboard_exists() -> None:
    shown = shown_metrics()
    expressions = [rule.expression for rule in RULES]
    expressions += [target["expr"] for panel in dashboard.panels() for target in panel["targets"]]
    for expression in expressions:
        named = named_metrics(expression)
        assert named, expression
        assert named <= shown, f"{expression}: {named - shown}"
    assert named_metrics('sum by (up) (rate(halfpenny_a{b="risk_c"}[5m])) / risk_d') == {"halfpenny_a", "risk_d"}
    assert json.loads(dashboard.as_json())["panels"]


# Of the rules that are no indicator's: (series that fire, when in minutes it fires, series that do not).
REQUESTS = "halfpenny_http_request_seconds"
BURN = {
    (0.02, "RequestsFailFast"): 60,
    (0.008, "RequestsFailSlowly"): 360,
}


def case(name: str, minutes: int, series: dict[str, str], alerts: list[str]) -> str:
    """One test of promtool: samples a minute, then whether the alert fires. Annotations are compared by the file."""
    lines = ["  - interval: 1m", "    input_series:"]
    for key, values in series.items():
        lines += [f"      - series: '{key}'", f"        values: '{values}'"]
    lines += [
        "    promql_expr_test:",
        f'      - expr: \'count(ALERTS{{alertname="{name}",alertstate="firing"}}) or vector(0)\'',
    ]
    lines += [f"        eval_time: {minutes}m", "        exp_samples:", f"          - value: {len(alerts)}"]
    lines += ["            labels: '{}'"]
    return "\n".join(lines)


def cases() -> list[str]:
    made = []
    for indicator in operating.INDICATORS:
        rule = rule_of(indicator)
        label = f'{{instance="a",{indicator.label}="x"}}' if indicator.label else '{instance="a"}'
        above, low = indicator.limit + 1, indicator.limit
        after = rule.lasting_s // 60
        series = {f"{indicator.metric}{label}": f"{low:g} {above:g}x{after + 1} {low:g}x5"}
        made.append(case(rule.alert, 0, series, []))
        if after:
            made.append(case(rule.alert, after, series, []))
        made.append(case(rule.alert, after + 1, series, ["x"]))
        made.append(case(rule.alert, after + 3, series, []))
    target = {'up{job="halfpenny-api",instance="a"}': "1 0x3 1x4", 'up{job="other",instance="b"}': "0x9"}
    made += [case("TargetDown", minute, target, fires) for minute, fires in ((1, []), (3, ["a"]), (5, []))]
    there = {"halfpenny_outbox_oldest_seconds": "0x2 stale _x20"}
    made += [case("IndicatorsMissing", minute, there, fires) for minute, fires in ((2, []), (9, ["a"]))]
    for (failing, name), minutes in BURN.items():
        counts = {
            f'{REQUESTS}_count{{status="200",route="/"}}': f"0+{round(1000 * (1 - failing))}x400",
            f'{REQUESTS}_count{{status="503",route="/"}}': f"0+{round(1000 * failing)}x400",
        }
        made.append(case(name, minutes, counts, ["a"]))
        few = {key: "0+1000x400" if "200" in key else "0+1x400" for key in counts}
        made.append(case(name, minutes, few, []))
    for slow, fires in ((20, ["a"]), (0, [])):
        route = 'route="/api/v1/loans/{loan_id}/invest"'
        buckets = {
            f'{REQUESTS}_bucket{{{route},le="0.5"}}': f"0+{100 - slow}x20",
            f'{REQUESTS}_bucket{{{route},le="1"}}': "0+100x20",
            f'{REQUESTS}_bucket{{{route},le="+Inf"}}': "0+100x20",
        }
        made.append(case("InvestingSlow", 15, buckets, fires))
    for psi, fires in ((0.3, ["a"]), (0.2, [])):
        made.append(case("RiskFeatureDrift", 61, {'halfpenny_risk_feature_psi{feature="f"}': f"{psi}x70"}, fires))
    return made


@needs_promtool
def test_each_alert_fires_when_it_should_and_ends(tmp_path: Path) -> None:
    assert PROMTOOL is not None
    checked = subprocess.run([PROMTOOL, "check", "rules", str(RULES_FILE)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    tests = tmp_path / "tests.yml"
    tried = cases()
    names = {rule.alert for rule in RULES}
    assert {name for name in names if any(f'"{name}"' in each for each in tried)} == names
    assert len(OTHERS) + len(operating.INDICATORS) == len(RULES)
    tests.write_text(f"rule_files: ['{RULES_FILE}']\nevaluation_interval: 1m\ntests:\n" + "\n".join(tried) + "\n")
    played = subprocess.run([PROMTOOL, "test", "rules", str(tests)], capture_output=True, text=True, check=False)
    assert played.returncode == 0, played.stdout + played.stderr
