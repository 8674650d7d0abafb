"""Loans in the database: applying, deciding, accepting, conditions; what is reported, kept, and refused."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import asyncpg
import pytest

from halfpenny import loans
from halfpenny.approvals import FourEyes
from halfpenny.loans import errors, store
from halfpenny.loans.decision import Decision, Verdict
from halfpenny.loans.decision_reasons import DecisionReason
from halfpenny.loans.service import applying, conditions, deciding
from halfpenny.platform import clock
from halfpenny.platform.database import Database
from halfpenny.primitives.ids import UserId
from halfpenny_messages import LoanSubmitted, decode_payload
from support import lending

RULES = lending.RULES


async def test_an_application_commits_with_the_question_to_the_risk_service(database: Database) -> None:
    async with database.unit_of_work() as connection:
        borrower = await lending.person(connection, "borrower")
        loan = await lending.submitted(connection, borrower)
        row = await connection.fetchrow("SELECT * FROM outbox WHERE aggregate_id = $1", loan.id)
    assert (loan.status, loan.version) == (loans.Status.SUBMITTED, 2)
    message = decode_payload(row["name"], row["version"], row["payload"])
    assert isinstance(message, LoanSubmitted)
    assert (message.loan_id, message.version, message.amount) == (loan.id, 2, "300000.00")


async def test_what_is_stored_is_what_was_asked_for(database: Database) -> None:
    terms = lending.application(prior_debt_minor=1_000, charge_rank=2)
    async with database.unit_of_work() as connection:
        borrower = await lending.person(connection, "borrower")
        loan = await applying.apply(connection, borrower, terms, RULES)
        assert (await loans.get(connection, loan.id)).application == terms


async def test_impossible_terms_store_nothing(database: Database) -> None:
    async with database.unit_of_work() as connection:
        borrower = await lending.person(connection, "borrower")
    with pytest.raises(errors.TermOutOfRange):
        async with database.unit_of_work() as connection:
            await lending.submitted(connection, borrower, term_months=60)
    async with database.reading() as connection:
        assert await connection.fetchval("SELECT count(*) FROM loan") == 0
        assert await connection.fetchval("SELECT count(*) FROM outbox") == 0


async def test_a_draft_can_be_changed_until_it_is_sent(database: Database) -> None:
    async with database.unit_of_work() as connection:
        borrower = await lending.person(connection, "borrower")
        draft = await applying.draft(connection, borrower, lending.application(), RULES)
        changed = lending.application(amount_minor=25_000_000)
        await applying.rewrite(connection, borrower, draft.id, changed, RULES)
        sent = await applying.submit(connection, borrower, draft.id)
        assert sent.application.amount_minor == 25_000_000
        assert (sent.version, sent.terms_version) == (3, 3)
        with pytest.raises(errors.WrongStatus):
            await applying.rewrite(connection, borrower, draft.id, changed, RULES)


async def test_anothers_loan_does_not_exist(database: Database) -> None:
    async with database.unit_of_work() as connection:
        borrower = await lending.person(connection, "borrower")
        other = await lending.person(connection, "borrower")
        loan = await lending.submitted(connection, borrower)
        with pytest.raises(errors.LoanNotFound):
            await applying.withdraw(connection, other, loan.id)
        with pytest.raises(errors.LoanNotFound):
            await deciding.accept(connection, other, loan.id)
        assert (await loans.get(connection, loan.id)).version == loan.version


async def test_the_way_to_conditions_met_is_one_event_a_step(database: Database) -> None:
    async with database.unit_of_work() as connection:
        borrower = await lending.person(connection, "borrower")
        anna = await lending.person(connection, "administrator")
        loan = await lending.conditions_met(connection, borrower, anna)
        assert loan.status is loans.Status.CONDITIONS_MET
        assert await lending.events_of(connection, loan.id) == [
            "loan.submitted",
            "loan.assessment_recorded",
            "loan.approved",
            "loan.offered",
            "loan.accepted",
            "loan.funding_opened",
            "loan.funded",
            "loan.condition_recorded",
            "loan.conditions_met",
        ]
        actions = await connection.fetch(
            "SELECT action, actor_id FROM audit_entry WHERE subject_id = $1 ORDER BY id", loan.id
        )
    assert [(row["action"], row["actor_id"]) for row in actions] == [
        ("loan.draft", borrower),
        ("loan.submit", borrower),
        ("loan.assess", None),
        ("loan.approve", anna),
        ("loan.accept", borrower),
        ("loan.record_conditions", anna),
        ("loan.meet_conditions", anna),
    ]


async def test_each_event_names_the_loan_its_version_and_its_status(database: Database) -> None:
    async with database.unit_of_work() as connection:
        borrower = await lending.person(connection, "borrower")
        anna = await lending.person(connection, "administrator")
        loan = await lending.funding(connection, borrower, anna)
        rows = await connection.fetch(
            "SELECT name, payload FROM outbox WHERE aggregate_id = $1 AND name = ANY($2) ORDER BY seq",
            loan.id,
            list(loans.CHANGE_EVENTS),
        )
        loan = await loans.get(connection, loan.id)
    assert rows[-1]["payload"] == {"loan_id": str(loan.id), "version": loan.version, "status": "funding"}
    versions = [row["payload"]["version"] for row in rows]
    assert versions == sorted(set(versions))
    assert [row["payload"]["status"] for row in rows] == ["assessed", "approved", "offered", "accepted", "funding"]


async def test_evidence_before_the_last_ticket_counts_when_it_comes(database: Database) -> None:
    async with database.unit_of_work() as connection:
        borrower = await lending.person(connection, "borrower")
        anna = await lending.person(connection, "administrator")
        loan = await lending.funding(connection, borrower, anna)
        await conditions.record_conditions(connection, anna, loan.id, lending.evidence(loan.application))
        await loans.add_funded(connection, [(loan.id, loan.application.amount_minor, 2, 1)])
        assert (await loans.transition(connection, loan.id, loans.TransitionName.COMPLETE_FUNDING)).status is (
            loans.Status.CONDITIONS_MET
        )


async def test_two_of_three_conditions_are_not_enough(database: Database) -> None:
    async with database.unit_of_work() as connection:
        borrower = await lending.person(connection, "borrower")
        anna = await lending.person(connection, "administrator")
        loan = await lending.funding(connection, borrower, anna)
        await loans.add_funded(connection, [(loan.id, loan.application.amount_minor, 2, 1)])
        await loans.transition(connection, loan.id, loans.TransitionName.COMPLETE_FUNDING)
        shown = lending.evidence(loan.application)
        after = await conditions.record_conditions(connection, anna, loan.id, shown[:2])
        assert (after.status, after.conditions) == (loans.Status.FUNDED, {"charge", "valuation"})
        with pytest.raises(errors.WrongStatus):
            await loans.transition(connection, loan.id, loans.TransitionName.DRAW_DOWN)


async def test_refused_evidence_changes_nothing(database: Database) -> None:
    async with database.unit_of_work() as connection:
        borrower = await lending.person(connection, "borrower")
        anna = await lending.person(connection, "administrator")
        loan = await lending.funding(connection, borrower, anna)
    shown = [*lending.evidence(loan.application)[:2], loans.Charge(2, datetime.now(UTC).date())]
    with pytest.raises(errors.ChargeRankTooLow):
        async with database.unit_of_work() as connection:
            await conditions.record_conditions(connection, anna, loan.id, shown)
    async with database.reading() as connection:
        assert await connection.fetchval("SELECT count(*) FROM loan_condition") == 0
        assert (await loans.get(connection, loan.id)).version == loan.version


async def test_an_implausible_valuation_is_refused_and_changes_nothing(database: Database) -> None:
    async with database.unit_of_work() as connection:
        borrower = await lending.person(connection, "borrower")
        loan = await lending.assessed(connection, borrower)
        before = await lending.events_of(connection, loan.id)
    absurd = loans.Valuation(3 * 10**12, loan.application.property.valued_on, "Alder & Finch Surveyors")
    actor = loans.Actor(loans.ActorKind.BORROWER, borrower)
    with pytest.raises(errors.AmountImplausible) as refusal:
        async with database.unit_of_work() as connection:
            await applying.revalue(connection, actor, loan.id, absurd)
    assert refusal.value.code == "amount_implausible" and refusal.value.data["field"] == "valuation"
    async with database.reading() as connection:
        assert await loans.get(connection, loan.id) == loan
        assert await lending.events_of(connection, loan.id) == before


async def test_another_valuation_asks_the_risk_service_again(database: Database) -> None:
    async with database.unit_of_work() as connection:
        borrower = await lending.person(connection, "borrower")
        anna = await lending.person(connection, "administrator")
        bartek = await lending.person(connection, "administrator")
        loan = await lending.assessed(connection, borrower)
        lower = loans.Valuation(40_000_000, loan.application.property.valued_on, "Alder & Finch Surveyors")
        actor = loans.Actor(loans.ActorKind.ADMINISTRATOR, anna)
        changed = await applying.revalue(connection, actor, loan.id, lower)
        assert changed.status is loans.Status.SUBMITTED
        assert (await lending.events_of(connection, loan.id))[-1] == "loan.reassessment_requested"

        # The answer to the old terms comes late: it is not taken over.
        assert not await deciding.record_assessment(connection, loan.id, lending.risk(loan.terms_version))
        assert (await loans.get(connection, loan.id)).status is loans.Status.SUBMITTED
        assert await deciding.record_assessment(connection, loan.id, lending.risk(changed.terms_version))

        # Who edited does not decide; somebody else may.
        ready = await loans.get(connection, loan.id)
        decision = Decision(Verdict.APPROVE, ready.version, DecisionReason.WITHIN_POLICY, "Still sound at 75 %.")
        with pytest.raises(FourEyes):
            await deciding.decide_on(connection, anna, loan.id, decision, RULES)
        after, _ = await deciding.decide_on(connection, bartek, loan.id, decision, RULES)
        assert after.status is loans.Status.OFFERED


async def test_a_decision_on_an_older_version_changes_nothing(database: Database) -> None:
    async with database.unit_of_work() as connection:
        borrower = await lending.person(connection, "borrower")
        anna = await lending.person(connection, "administrator")
        loan = await lending.assessed(connection, borrower)
        decision = Decision(Verdict.APPROVE, loan.version - 1, DecisionReason.WITHIN_POLICY, "Sound.")
        with pytest.raises(errors.StaleVersion) as refusal:
            await deciding.decide_on(connection, anna, loan.id, decision, RULES)
        assert refusal.value.data == {"version": loan.version}
        assert (await loans.get(connection, loan.id)).version == loan.version
        assert await connection.fetchval("SELECT count(*) FROM loan_decision") == 0


async def test_a_related_administrator_does_not_decide(database: Database) -> None:
    async with database.unit_of_work() as connection:
        borrower = await lending.person(connection, "borrower")
        anna = await lending.person(connection, "administrator")
        await connection.execute("INSERT INTO related_party VALUES ($1, $2)", anna, borrower)
        loan = await lending.assessed(connection, borrower)
        decision = Decision(Verdict.DECLINE, loan.version, DecisionReason.EXIT, "No.")
        with pytest.raises(errors.SelfDealing):
            await deciding.decide_on(connection, anna, loan.id, decision, RULES)
        assert (await loans.get(connection, loan.id)).status is loans.Status.ASSESSED


async def test_a_large_loan_is_offered_by_two(database: Database) -> None:
    async with database.unit_of_work() as connection:
        borrower = await lending.person(connection, "borrower")
        anna = await lending.person(connection, "administrator")
        bartek = await lending.person(connection, "administrator")
        loan = await lending.assessed(connection, borrower, amount_minor=120_000_000)
        decision = Decision(
            Verdict.APPROVE, loan.version, DecisionReason.WITHIN_POLICY, "Sound.", annual_rate=Decimal("9.5")
        )
        same, first = await deciding.decide_on(connection, anna, loan.id, decision, RULES)
        assert (same.status, same.version, first.final) == (loans.Status.ASSESSED, loan.version, False)
        with pytest.raises(FourEyes):
            await deciding.decide_on(connection, anna, loan.id, decision, RULES)
        after, second = await deciding.decide_on(connection, bartek, loan.id, decision, RULES)
    assert (after.status, second.final) == (loans.Status.OFFERED, True)
    assert after.offer is not None
    assert after.offer.annual_rate == Decimal("9.5")
    assert after.funding is not None
    assert (after.funding.status, after.funding.target_minor) == ("pending", 120_000_000)


async def test_two_decisions_at_once_make_one_offer(database: Database) -> None:
    async with database.unit_of_work() as connection:
        borrower = await lending.person(connection, "borrower")
        people = [await lending.person(connection, "administrator") for _ in range(6)]
        loan = await lending.assessed(connection, borrower)

    async def decide(by: UserId) -> str:
        decision = Decision(Verdict.APPROVE, loan.version, DecisionReason.WITHIN_POLICY, "Sound.")
        try:
            async with database.unit_of_work() as connection:
                await deciding.decide_on(connection, by, loan.id, decision, RULES)
        except errors.StaleVersion as refusal:
            return refusal.code
        return "offered"

    answers = await asyncio.gather(*(decide(by) for by in people))
    assert sorted(answers) == ["offered", *["stale_version"] * 5]
    async with database.reading() as connection:
        assert await connection.fetchval("SELECT count(*) FROM loan_decision") == 1


async def test_the_ceiling_counts_what_the_borrower_raises_elsewhere(database: Database) -> None:
    async with database.unit_of_work() as connection:
        borrower = await lending.person(connection, "borrower")
        anna = await lending.person(connection, "administrator")
        for _ in range(5):
            await lending.offered(connection, borrower, anna, amount_minor=100_000_000)
        loan = await lending.assessed(connection, borrower, amount_minor=5_000)
        decision = Decision(Verdict.APPROVE, loan.version, DecisionReason.WITHIN_POLICY, "Sound.")
        with pytest.raises(errors.BorrowerCeiling):
            await deciding.decide_on(connection, anna, loan.id, decision, RULES)
        await clock.advance(connection, timedelta(days=366))
        after, _ = await deciding.decide_on(connection, anna, loan.id, decision, RULES)
        assert after.status is loans.Status.OFFERED


async def test_an_offer_cannot_be_accepted_after_its_deadline(database: Database) -> None:
    async with database.unit_of_work() as connection:
        borrower = await lending.person(connection, "borrower")
        anna = await lending.person(connection, "administrator")
        loan = await lending.offered(connection, borrower, anna)
        assert await loans.past_deadline(connection, 10) == []
        await clock.advance(connection, timedelta(days=31))
        with pytest.raises(errors.OfferExpired):
            await deciding.accept(connection, borrower, loan.id)
        assert await loans.past_deadline(connection, 10) == [loan.id]
        lapsed = await loans.transition(connection, loan.id, loans.TransitionName.LAPSE)
        assert lapsed.status is loans.Status.EXPIRED
        assert lapsed.funding is not None
        assert lapsed.funding.status == "closed"
        assert await loans.past_deadline(connection, 10) == []


async def test_cancel_and_complete_at_once_make_one_transition(database: Database) -> None:
    async with database.unit_of_work() as connection:
        borrower = await lending.person(connection, "borrower")
        anna = await lending.person(connection, "administrator")
        loan = await lending.funding(connection, borrower, anna)

    async def move(name: str, actor: loans.Actor) -> str:
        try:
            async with database.unit_of_work() as connection:
                await loans.transition(connection, loan.id, name, actor, expected_version=loan.version)
        except errors.StaleVersion:
            return "refused"
        return name

    administrator = loans.Actor(loans.ActorKind.ADMINISTRATOR, anna)
    answers = await asyncio.gather(move("cancel", administrator), move("complete_funding", loans.SYSTEM))
    assert sorted(answers)[-1] == "refused"
    async with database.reading() as connection:
        assert (await loans.get(connection, loan.id)).version == loan.version + 1


async def test_the_database_refuses_more_than_the_target(database: Database) -> None:
    async with database.unit_of_work() as connection:
        borrower = await lending.person(connection, "borrower")
        anna = await lending.person(connection, "administrator")
        loan = await lending.funding(connection, borrower, anna)
    with pytest.raises(asyncpg.CheckViolationError):
        async with database.unit_of_work() as connection:
            await loans.add_funded(connection, [(loan.id, loan.application.amount_minor + 1, 1, 1)])
    async with database.unit_of_work() as connection:
        assert (await loans.lock_funding(connection, [loan.id]))[loan.id].funded_minor == 0


async def test_totals_follow_tickets_up_and_down(database: Database) -> None:
    async with database.unit_of_work() as connection:
        borrower = await lending.person(connection, "borrower")
        anna = await lending.person(connection, "administrator")
        loan = await lending.funding(connection, borrower, anna)
        full = await loans.add_funded(connection, [(loan.id, 30_000_000, 3, 4)])
        assert (full[loan.id].status, full[loan.id].remaining_minor) == ("full", 0)
        opened = full[loan.id].version
        again = await loans.add_funded(connection, [(loan.id, -10_000_000, -1, 1)])
        state = again[loan.id]
        assert (state.status, state.remaining_minor, state.investors) == ("open", 10_000_000, 2)
        assert state.version == opened + 1


async def test_many_loans_move_in_one_go_and_only_once(database: Database) -> None:
    async with database.unit_of_work() as connection:
        borrower = await lending.person(connection, "borrower")
        anna = await lending.person(connection, "administrator")
        ready = [await lending.conditions_met(connection, borrower, anna) for _ in range(3)]
        other = await lending.submitted(connection, borrower)
        ids = [loan.id for loan in ready]
        for loan_id in ids:
            await loans.transition(connection, loan_id, loans.TransitionName.DRAW_DOWN)
        moved = await loans.transition_many(connection, [*ids, other.id], loans.TransitionName.MATURE)
        assert {loan.id for loan in moved} == set(ids)
        assert await loans.transition_many(connection, [*ids, other.id], loans.TransitionName.MATURE) == []
        assert (await lending.events_of(connection, ids[0]))[-1] == "loan.matured"
        with pytest.raises(errors.NotYourTransition):
            await loans.transition_many(connection, ids, loans.TransitionName.START_RECOVERY)


@pytest.mark.parametrize("name", ["OWN_PAGE", "AWAITING_DECISION_PAGE", "PAST_DEADLINE"])
async def test_every_list_is_served_by_an_index(database: Database, name: str) -> None:
    arguments = {"OWN_PAGE": "(NULL, NULL, 10)", "AWAITING_DECISION_PAGE": "(NULL, 10)", "PAST_DEADLINE": "(10)"}
    types = {"OWN_PAGE": "(uuid, uuid, int)", "AWAITING_DECISION_PAGE": "(uuid, int)", "PAST_DEADLINE": "(int)"}
    async with database.unit_of_work() as connection:
        await connection.execute(f"PREPARE listing{types[name]} AS {getattr(store, name)}")
        # A plan for any parameters, and on tables too small for an index to pay unless the planner is forced.
        await connection.execute("SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_seqscan = off")
        plan = await connection.fetch(f"EXPLAIN EXECUTE listing{arguments[name]}")
    text = "\n".join(row[0] for row in plan)
    assert "Seq Scan" not in text
    assert "Sort" not in text


async def test_offer_and_opening_may_be_steps_of_their_own(database: Database) -> None:
    async with database.unit_of_work() as connection:
        borrower = await lending.person(connection, "borrower")
        anna = await lending.person(connection, "administrator")
        administrator = loans.Actor(loans.ActorKind.ADMINISTRATOR, anna)
        loan = await lending.assessed(connection, borrower)
        decision = Decision(Verdict.APPROVE, loan.version, DecisionReason.WITHIN_POLICY, "Sound.")
        approved, _ = await deciding.decide_on(connection, anna, loan.id, decision, RULES, offer_at_once=False)
        assert (approved.status, approved.funding) == (loans.Status.APPROVED, None)
        with pytest.raises(errors.WrongStatus):
            await deciding.accept(connection, borrower, loan.id)
        offered = await loans.make_offer(connection, administrator, loan.id, RULES)
        assert offered.status is loans.Status.OFFERED
        with pytest.raises(errors.WrongStatus):
            await loans.make_offer(connection, administrator, loan.id, RULES)
        accepted = await loans.accept(connection, borrower, loan.id, open_at_once=False)
        assert accepted.funding is not None
        assert (accepted.status, accepted.funding.status) == (loans.Status.ACCEPTED, "pending")
        opened = await loans.open_funding(connection, administrator, loan.id)
        assert opened.funding is not None
        assert (opened.status, opened.funding.status) == (loans.Status.FUNDING, "open")


async def test_funding_does_not_open_after_the_deadline(database: Database) -> None:
    async with database.unit_of_work() as connection:
        borrower = await lending.person(connection, "borrower")
        anna = await lending.person(connection, "administrator")
        loan = await lending.offered(connection, borrower, anna)
        await loans.accept(connection, borrower, loan.id, open_at_once=False)
        await clock.advance(connection, timedelta(days=31))
        with pytest.raises(errors.OfferExpired):
            await loans.open_funding(connection, loans.SYSTEM, loan.id)
        assert (await loans.transition(connection, loan.id, loans.TransitionName.LAPSE)).status is loans.Status.EXPIRED


async def test_a_valuation_among_the_evidence_replaces_the_one_applied_with(database: Database) -> None:
    async with database.unit_of_work() as connection:
        borrower = await lending.person(connection, "borrower")
        anna = await lending.person(connection, "administrator")
        loan = await lending.funding(connection, borrower, anna)
        asset = loan.application.property
        same = loans.Valuation(asset.valuation_minor, asset.valued_on, "Alder & Finch Surveyors")
        after = await conditions.record_conditions(connection, anna, loan.id, [same])
        assert after.terms_version == loan.terms_version
        lower = loans.Valuation(45_000_000, asset.valued_on, "Alder & Finch Surveyors")
        after = await conditions.record_conditions(connection, anna, loan.id, [lower])
        assert (after.ltv_percent, after.status) == (Decimal("66.67"), loans.Status.FUNDING)
        assert (await lending.events_of(connection, loan.id))[-2:] == [
            "loan.condition_recorded",
            "loan.reassessment_requested",
        ]
        # The answer is taken over, and the loan stays where it is.
        assert await deciding.record_assessment(connection, loan.id, lending.risk(after.terms_version))
        known = await loans.get(connection, loan.id)
        assert (known.status, known.version) == (loans.Status.FUNDING, after.version + 1)
