"""The published method: taken from policy and models as they are, sent at the start, kept once, shown to everybody."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime

import msgspec
import numpy as np
import pytest

from halfpenny.platform.database import Connection, Database
from halfpenny.platform.queue import Message
from halfpenny.platform.queue.handling import DeadLettered, Handled, Verdict, handle
from halfpenny.primitives.ids import uuid7
from halfpenny.risk_reporting import SUBSCRIPTION, labels
from halfpenny.risk_reporting.pages import public_router
from halfpenny.risk_reporting.rest import router
from halfpenny_messages import METHOD_PUBLISHED, MethodPublished, decode_payload, to_builtins
from halfpenny_risk import explain
from halfpenny_risk.artefacts import DEFAULT_FOLDER
from halfpenny_risk.assess import REFER_FLAGS, score_application
from halfpenny_risk.method import published_method, sample_applications
from halfpenny_risk.models import load_models
from halfpenny_risk.narrative import TemplateNarrator
from halfpenny_risk.policy import PolicyVersions, load_policies
from halfpenny_risk.principal import GROUPS
from halfpenny_risk.service.assessor import Assessor
from halfpenny_risk.service.metrics import Metrics
from halfpenny_risk.service.postgres import PostgresConsumer
from support.lending_app import lending_client

TODAY = date(2026, 11, 26)
MODELS = load_models("scorecard")
POLICIES = load_policies()


@pytest.fixture(scope="module")
def method() -> MethodPublished:
    return published_method(MODELS, POLICIES, DEFAULT_FOLDER, TODAY)


def test_weights_are_the_spread_of_the_contributions(method: MethodPublished) -> None:
    """Added up by numpy over the same applications, in the groups of the principal reasons."""
    codes = sorted({code for group in GROUPS.values() for code in group} | {"borrower_other"})
    rows = []
    for loan in sample_applications(POLICIES.on(TODAY), TODAY):
        one = score_application(loan, MODELS, POLICIES)
        _, found = explain.reasons(MODELS.borrower, one.application, one.security, one.columns, one.scores, one.policy)
        added = {reason.code: float(reason.contribution) for reason in found}
        rows.append([added.get(code, 0.0) for code in codes])
    table = np.array(rows)
    sums = {g: table[:, [codes.index(code) for code in members]].sum(axis=1) for g, members in GROUPS.items()}
    sums["borrower_other"] = table[:, codes.index("borrower_other")]
    moved = {group: np.abs(values - values.mean()).mean() for group, values in sums.items()}
    for factor in method.factors:
        assert float(factor.weight) == pytest.approx(moved[factor.code] / sum(moved.values()), abs=1e-4)
    assert sum(float(factor.weight) for factor in method.factors) == pytest.approx(1.0, abs=1e-3)
    assert method.factors[0].code == max(moved, key=lambda group: moved[group])


def test_another_policy_publishes_another_method(method: MethodPublished) -> None:
    [policy] = POLICIES.policies
    stricter = msgspec.structs.replace(
        policy, version="policy-x", grades=msgspec.structs.replace(policy.grades, A=0.021), exit_weight=0.9
    )
    other = published_method(MODELS, PolicyVersions((stricter,)), DEFAULT_FOLDER, TODAY)
    assert (other.policy_version, other.grades[0].probability_to) == ("policy-x", "0.0210")
    assert [grade.answer for grade in other.grades] == ["approve", "approve", "approve", "refer", "decline"]
    weight = {factor.code: float(factor.weight) for factor in method.factors}
    heavier = {factor.code: float(factor.weight) for factor in other.factors}
    assert heavier["term"] > weight["term"] and heavier["income"] < weight["income"]
    assert {limit.code: limit.decline for limit in method.limits}["ltv"] == f"{policy.limits['ltv'].decline:.4f}"


def test_every_code_has_its_words(method: MethodPublished) -> None:
    assert {factor.code for factor in method.factors} <= labels.FACTOR.keys() == {*GROUPS, "borrower_other"}
    assert {limit.code for limit in method.limits} == labels.LIMIT.keys()
    assert set(method.referred) == labels.REFERRED.keys() == REFER_FLAGS
    assert {figure.model for figure in method.figures} == labels.MEASURED_MODEL.keys()


async def deliver(database: Database, payload: object) -> list[Verdict]:
    async def nothing(_connection: Connection, _messages: Sequence[Message]) -> None:
        return None

    message = Message(uuid7(), METHOD_PUBLISHED, 1, datetime(2026, 11, 26, 9, tzinfo=UTC), payload)
    return await handle(database, SUBSCRIPTION, [message], nothing)


async def methods(database: Database) -> list[str]:
    async with database.reading() as connection:
        return [row["policy_version"] for row in await connection.fetch("SELECT * FROM risk_method ORDER BY id")]


async def test_a_method_is_kept_when_it_differs_from_the_newest(database: Database, method: MethodPublished) -> None:
    content = to_builtins(method)
    for policy in ("policy-2", "policy-2", "policy-3", "policy-2"):
        [verdict] = await deliver(database, content | {"policy_version": policy})
        assert isinstance(verdict, Handled)
    assert await methods(database) == ["policy-2", "policy-3", "policy-2"]
    [verdict] = await deliver(database, content | {"grades": "A"})
    assert isinstance(verdict, DeadLettered)
    assert len(await methods(database)) == 3


@pytest.mark.parametrize("language", ["en", "pl"])
async def test_everybody_reads_the_method(database: Database, method: MethodPublished, language: str) -> None:
    headers = {"accept": "text/html", "accept-language": language}
    async with lending_client(database, router, public_router) as client:
        missing = await client.get("/method", headers=headers)
        assert missing.status_code == 404 and "method_not_published" in missing.text
        await deliver(database, to_builtins(method))
        page = await client.get("/method", headers=headers)
        answer = (await client.get("/api/v1/risk/method")).json()
    assert page.status_code == 200
    assert {"en": "Loss given default", "pl": "Strata w razie niewykonania zobowiązania"}[language] in page.text
    assert page.text.count('class="grade grade-') == 5
    published_at = answer.pop("published_at")
    assert datetime.fromisoformat(published_at).tzinfo is not None
    assert decode_payload(METHOD_PUBLISHED, 1, answer) == method


async def test_a_service_that_starts_publishes_its_method_once(database: Database, database_url: str) -> None:
    assessor = Assessor(MODELS, POLICIES, TemplateNarrator(), Metrics())
    consumer = PostgresConsumer(database_url, assessor, 1)
    stop = asyncio.Event()
    running = asyncio.create_task(consumer.run(stop))
    found: list[str] = []
    async with asyncio.timeout(30):
        while not found:
            async with database.reading() as connection:
                rows = await connection.fetch("SELECT name FROM outbox")
            found = [row["name"] for row in rows]
    stop.set()
    await running
    assert found == [METHOD_PUBLISHED]
