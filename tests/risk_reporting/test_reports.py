"""Reports on real books: outcomes of loans in every state, pages, REST, the file, who may read, and the day's job."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from halfpenny import loans, risk_reporting, servicing
from halfpenny.ledger import AccountKind
from halfpenny.loans.decision import Decision, DecisionReason, Verdict
from halfpenny.loans.service import applying, deciding
from halfpenny.platform import clock
from halfpenny.platform.database import Connection, Database
from halfpenny.primitives.money import UNITS_PER_EUR
from halfpenny.risk_reporting import metrics, store
from halfpenny.risk_reporting.pages import router as pages
from halfpenny.risk_reporting.pages import stress_grid
from halfpenny.risk_reporting.rest import router
from halfpenny.underwriting import receive
from halfpenny_messages import LOAN_ASSESSED, LoanAssessed, decode_payload
from halfpenny_monitoring.drift import PSI_ACT
from halfpenny_monitoring.impairment import Stage
from halfpenny_monitoring.outcomes import OutcomeKind, read_outcomes
from halfpenny_monitoring.report import monitor
from servicing.world import Drawn, advance, balances, drawn
from support import lending
from support.lending_app import lending_client
from support.people import make_somebody
from underwriting.test_assessments import answer

CHALLENGER = {"model_version": "card-9", "grade": "C", "probability_of_default": "0.081"}
STRESS = [
    {
        "price_change_percent": price,
        "extra_months": 6,
        "rate_change_points": points,
        "exit_shortfall_probability": "0.1",
        "loss_given_default": "0.41",
        "expected_loss": "0.0311" if points == 0 else "0.2",
    }
    for price in (-10, -20)
    for points in (0, 2)
]


async def answered(connection: Connection, loan_id: UUID, **changes: Any) -> None:
    """The risk service's answer about the loan's present terms."""
    loan = await loans.get(connection, loan_id)
    payload = decode_payload(
        LOAN_ASSESSED, 1, answer(loan_id, loan.terms_version, challenger=CHALLENGER, stress=STRESS, **changes)
    )
    assert isinstance(payload, LoanAssessed)
    await receive(connection, payload, await clock.business_now(connection))


@dataclass(frozen=True)
class World:
    """``defaulted`` was never paid; ``running`` was drawn long after it; the others were never drawn."""

    defaulted: Drawn
    running: Drawn
    kinds: dict[str, OutcomeKind]


@pytest.fixture
async def world(database: Database) -> World:
    defaulted = await drawn(database, [20_000_000, 10_000_000], term_months=3)
    async with database.unit_of_work() as connection:
        await answered(connection, defaulted.loan.id)
    await advance(database, timedelta(days=140))
    await servicing.close_days(database)
    running = await drawn(database, [10_000_000])
    kinds = {str(defaulted.loan.id): OutcomeKind.DEFAULTED, str(running.loan.id): OutcomeKind.RUNNING}
    async with database.unit_of_work() as connection:
        await answered(connection, running.loan.id, probability_of_default="0.031", expected_loss="0.00682")
        borrower = await lending.person(connection, "borrower")
        administrator = await lending.person(connection, "administrator")
        for end in (OutcomeKind.PENDING, OutcomeKind.DECLINED, OutcomeKind.WITHDRAWN, OutcomeKind.RAISING):
            loan = await lending.submitted(connection, borrower)
            advice = "approve" if end is OutcomeKind.RAISING else "refer"
            await answered(connection, loan.id, recommendation=advice)
            loan = await loans.get(connection, loan.id)
            if end is OutcomeKind.DECLINED:
                decision = Decision(Verdict.DECLINE, loan.version, DecisionReason.EXIT, "No exit.")
                await deciding.decide_on(connection, administrator, loan.id, decision, lending.RULES)
            elif end is OutcomeKind.WITHDRAWN:
                await applying.withdraw(connection, borrower, loan.id)
            elif end is OutcomeKind.RAISING:
                rate = Decimal("11.00")
                decision = Decision(
                    Verdict.APPROVE, loan.version, DecisionReason.WITHIN_POLICY, "Sound.", annual_rate=rate
                )
                await deciding.decide_on(connection, administrator, loan.id, decision, lending.RULES)
                await deciding.accept(connection, borrower, loan.id)
            kinds[str(loan.id)] = end
        # A draft that nobody assessed is in no report.
        await applying.draft(connection, borrower, lending.application(), lending.RULES)
        # The owner of one borrower owns the other too.
        await connection.execute(
            "INSERT INTO related_party (user_id, related_user_id) VALUES ($1, $2)", borrower, running.borrower
        )
        await connection.execute(
            "INSERT INTO related_party (user_id, related_user_id) VALUES ($1, $2)", defaulted.borrower, borrower
        )
    return World(defaulted, running, kinds)


async def test_outcomes_are_what_happened_and_exposures_what_the_ledger_holds(database: Database, world: World) -> None:
    async with database.reading() as connection:
        book = await risk_reporting.collect(connection, UNITS_PER_EUR)
    found = {outcome.loan_id: outcome for outcome in book.outcomes}
    assert {loan_id: outcome.outcome for loan_id, outcome in found.items()} == world.kinds
    bad = found[str(world.defaulted.loan.id)]
    assert bad.drawn_down_on == world.defaulted.drawn_on and bad.defaulted_on is not None
    assert (bad.due_on, bad.ended_on, bad.lost) == (world.defaulted.loan.matures_on, None, Decimal(0))
    assert (bad.challenger_version, bad.challenger_probability) == ("card-9", Decimal("0.081"))
    [offered] = [outcome for outcome in book.outcomes if outcome.outcome is OutcomeKind.RAISING]
    assert (offered.verdict, offered.offered_rate_percent, offered.recommendation) == (
        "approve",
        Decimal(11),
        "approve",
    )
    held = {exposure.loan_id: exposure for exposure in book.exposures}
    assert held.keys() == {str(world.defaulted.loan.id), str(world.running.loan.id)}
    for made in (world.defaulted, world.running):
        [receivable] = await balances(database, made.loan.id, AccountKind.LOAN_RECEIVABLE)
        assert held[str(made.loan.id)].principal_minor == abs(receivable) == sum(made.stakes.values())
    assert held[str(world.defaulted.loan.id)].defaulted and not held[str(world.running.loan.id)].defaulted
    # Related through somebody who borrows nothing here: one group.
    assert len({exposure.group for exposure in book.exposures}) == 1
    assert held[str(world.running.loan.id)].stress.keys() == {(-10, 6), (-20, 6)}


async def test_the_job_makes_both_reports_once_a_day_and_writes_the_file(
    database: Database, world: World, tmp_path: Path
) -> None:
    path = tmp_path / "risk" / "outcomes.jsonl"
    made = await risk_reporting.make_due_reports(database, UNITS_PER_EUR, path)
    assert made is not None
    header, outcomes = read_outcomes(path)
    # The file says what the stored report says, and the command makes it from the file.
    assert monitor(header, outcomes) == made.monitoring
    assert await risk_reporting.make_due_reports(database, UNITS_PER_EUR, path) is None
    assert [entry.name for entry in path.parent.iterdir()] == ["outcomes.jsonl"]
    book = made.portfolio
    assert (book.loans, book.exposure) == (2, Decimal("400000.00"))
    # 300,000.00 lost at 22 %, 100,000.00 at 0.031 x 0.22; in a shock 41 % of the one and 3.11 % of the other.
    assert book.expected_loss == Decimal("66682.00")
    assert [str(result.expected_loss) for result in book.stress] == ["66682.00", "126110.00", "126110.00"]
    stages = {total.stage: total for total in book.stages}
    assert stages[Stage.IMPAIRED].allowance_minor == 6_600_000
    assert 0 < stages[Stage.TWELVE_MONTHS].allowance_minor <= 68_200
    assert sum(line.debit_minor for line in book.journal) == sum(line.credit_minor for line in book.journal) > 0
    await advance(database, timedelta(days=1))
    again = await risk_reporting.make_due_reports(database, UNITS_PER_EUR, path)
    assert again is not None and again.portfolio.opening_as_of == book.as_of


async def test_a_day_has_one_pair_of_reports_whoever_makes_them(
    database: Database, world: World, tmp_path: Path
) -> None:
    """The command twice and two workers, at the same time."""
    made = await asyncio.gather(
        risk_reporting.make_reports(database, UNITS_PER_EUR),
        risk_reporting.make_reports(database, UNITS_PER_EUR),
        risk_reporting.make_due_reports(database, UNITS_PER_EUR, tmp_path / "one.jsonl"),
        risk_reporting.make_due_reports(database, UNITS_PER_EUR, tmp_path / "two.jsonl"),
    )
    async with database.reading() as connection:
        kinds = await connection.fetch("SELECT kind FROM risk_report ORDER BY kind")
    assert [row["kind"] for row in kinds] == ["monitoring", "portfolio"]
    assert made[0] is not None and all(each in (made[0], None) for each in made)
    assert made[0].portfolio.opening_as_of is None


async def test_the_drift_in_the_metrics_is_that_of_the_stored_report(
    database: Database, world: World, tmp_path: Path
) -> None:
    """A worker that was started again, or that another worker was quicker than, shows the same figures."""
    made = await risk_reporting.make_reports(database, UNITS_PER_EUR)
    content = msgspec.to_builtins(made.monitoring)
    content["drift"][0]["psi"] = 0.375
    content["drift"][1]["psi"] = None
    async with database.unit_of_work() as connection:
        today = await clock.business_date(connection)
        await store.insert(connection, store.RiskReportKind.MONITORING, today, content)
    metrics.FEATURE_PSI.clear()
    metrics.FEATURE_PSI.labels(content["drift"][1]["name"]).set(9.0)
    assert await risk_reporting.make_due_reports(database, UNITS_PER_EUR, tmp_path / "outcomes.jsonl") is None
    [shown] = metrics.FEATURE_PSI.collect()
    assert {sample.labels["feature"]: sample.value for sample in shown.samples} == {content["drift"][0]["name"]: 0.375}


async def test_nothing_is_made_of_nothing(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "outcomes.jsonl"
    assert await risk_reporting.make_due_reports(database, UNITS_PER_EUR, path) is None
    assert not path.exists()


async def test_staff_read_the_reports_and_nobody_else(database: Database, world: World) -> None:
    made = await risk_reporting.make_reports(database, UNITS_PER_EUR)
    staff = await make_somebody(database, "auditor")
    async with lending_client(database, router) as client:
        for path in ("monitoring", "portfolio", "allowances"):
            assert (await client.get(f"/api/v1/risk/{path}")).status_code == 401
            for role in ("investor", "borrower"):
                outsider = await make_somebody(database, role)
                assert (await client.get(f"/api/v1/risk/{path}", headers=outsider.headers)).status_code == 403
        shown = (await client.get("/api/v1/risk/monitoring", headers=staff.headers)).json()
        assert shown["assessed"] == made.monitoring.assessed == 6
        book = (await client.get("/api/v1/risk/portfolio", headers=staff.headers)).json()
        assert book["stages"][-1]["allowance"] == {"amount": "66000.00", "currency": "EUR"}
        page = (await client.get("/api/v1/risk/allowances?limit=1", headers=staff.headers)).json()
        rest = (await client.get(f"/api/v1/risk/allowances?after={page['next_cursor']}", headers=staff.headers)).json()
        assert rest["next_cursor"] is None
        both = page["items"] + rest["items"]
        assert {each["loan_id"] for each in both} == {str(world.defaulted.loan.id), str(world.running.loan.id)}
        whole = sum(Decimal(each["allowance"]["amount"]) for each in both)
        assert whole * 100 == sum(total.allowance_minor for total in made.portfolio.stages)


async def test_before_the_first_report_there_is_none(database: Database) -> None:
    staff = await make_somebody(database, "underwriter")
    async with lending_client(database, router) as client:
        found = await client.get("/api/v1/risk/monitoring", headers=staff.headers)
        assert (found.status_code, found.json()["code"]) == (404, "no_risk_report")
        assert (await client.get("/api/v1/risk/allowances", headers=staff.headers)).json()["items"] == []


async def test_a_stored_report_cannot_be_changed(database: Database, world: World) -> None:
    await risk_reporting.make_reports(database, UNITS_PER_EUR)
    with pytest.raises(Exception, match="permission denied"):
        async with database.unit_of_work() as connection:
            await connection.execute("UPDATE risk_report SET as_of = as_of - 1")
    async with database.reading() as connection:
        content = await connection.fetchval("SELECT content FROM risk_report WHERE kind = 'monitoring'")
    # No name and no address of anybody is kept in a report.
    text = json.dumps(content)
    assert "Madrona" not in text and "Lake Washington" not in text


@pytest.mark.parametrize("language", ["en", "pl"])
async def test_the_pages_show_the_stored_reports(database: Database, world: World, language: str) -> None:
    staff = await make_somebody(database, "administrator")
    headers = staff.headers | {"accept": "text/html", "accept-language": language}
    async with lending_client(database, pages) as client:
        assert (await client.get("/staff/risk", headers={"accept": "text/html"})).status_code == 303
        outsider = await make_somebody(database, "borrower")
        assert (await client.get("/staff/risk/portfolio", headers=outsider.headers)).status_code == 403
        nothing = await client.get("/staff/risk", headers=headers)
        assert nothing.status_code == 404 and "no_risk_report" in nothing.text
        await risk_reporting.make_reports(database, UNITS_PER_EUR)
        models = await client.get("/staff/risk", headers=headers)
        book = await client.get("/staff/risk/portfolio", headers=headers)
    assert (models.status_code, book.status_code) == (200, 200)
    text = book.text.replace("\xa0", " ")
    assert {"en": "€126,110.00", "pl": "126 110,00 €"}[language] in text
    assert {"en": "Loss allowance, stage 3", "pl": "Odpis, koszyk 3"}[language] in text
    assert "Madrona Renovations OÜ" in text
    assert {"en": "Approved after referral", "pl": "Zatwierdzone po przekazaniu człowiekowi"}[language] in models.text


@pytest.mark.parametrize(("language", "shown"), [("en", ("0.03", "0.125", "75")), ("pl", ("0,03", "0,125", "75"))])
async def test_the_page_states_the_limits_that_its_report_used(
    database: Database, world: World, language: str, shown: tuple[str, str, str]
) -> None:
    staff = await make_somebody(database, "auditor")
    made = await risk_reporting.make_reports(database, UNITS_PER_EUR)
    content = msgspec.to_builtins(made.monitoring)
    assert content["limits"]["psi_act"] == PSI_ACT
    content["limits"] |= {"p_act": 0.03, "psi_watch": 0.125, "days_after_due": 75}
    content["grades"] = [
        {
            "name": "A",
            "loans": 40,
            "defaults": 1,
            "expected": 0.8,
            "predicted_rate": 0.02,
            "observed_rate": 0.025,
            "interval": [0.001, 0.11],
            "p_value": 0.4,
            "expected_loss": "10.00",
            "observed_loss": "12.00",
            "signal": "steady",
        }
    ]
    async with database.unit_of_work() as connection:
        await store.insert(connection, store.RiskReportKind.MONITORING, made.monitoring.as_of, content)
    async with lending_client(database, pages) as client:
        page = await client.get("/staff/risk", headers=staff.headers | {"accept-language": language})
    assert all(figure in page.text for figure in shown)


def test_the_grid_is_shaded_by_its_own_worst() -> None:
    results = [
        {"price_change_percent": price, "extra_months": months, "share": share}
        for price, months, share in ((0, 0, 0.01), (-10, 3, 0.02), (-10, 6, 0.04), (-40, 3, 0.06), (-40, 6, 0.08))
    ]
    grid = stress_grid(results)
    assert grid["months"] == [3, 6]
    assert [[cell["shade"] for cell in cells] for cells in grid["rows"].values()] == [[0, 1], [2, 3]]
    assert stress_grid([]) == {"months": [], "rows": {}}
