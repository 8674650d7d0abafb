"""Books with a row of everything: what the tests of tampering change, one column at a time."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

from funding.world import give, make_ticket, open_desk
from halfpenny import funding, ledger, loans, risk_reporting, servicing, underwriting
from halfpenny.approvals import Acts, approve, perform
from halfpenny.approvals import events as approval_events
from halfpenny.approvals import store as approval_store
from halfpenny.funding import bank
from halfpenny.funding.service import statements, tickets
from halfpenny.ledger import Account, AccountKind
from halfpenny.loans import LoanInterestMode
from halfpenny.loans.decision import Decision, Verdict
from halfpenny.loans.service import applying, deciding
from halfpenny.platform import audit, clock, outbox, row_history
from halfpenny.platform.database import Connection, Database
from halfpenny.platform.idempotency import RequestKey, claim, remember
from halfpenny.primitives.ids import UserId, uuid7
from halfpenny.primitives.money import Currency, Money
from halfpenny.risk_reporting import PROMOTIONS, PromotionKey, promotion_acts
from halfpenny.risk_reporting import store as risk_store
from halfpenny.risk_reporting.promotions.acts import PROMOTE
from halfpenny.risk_reporting.promotions.model import BORROWER_MODEL_ID, ProposedPromotion
from halfpenny.servicing.model.waterfall import Component
from halfpenny.servicing.service import arrears, bank_receipts, forbearing, settling, tax_profiles
from halfpenny.servicing.statuses import OverpaidBearer
from halfpenny.servicing.store import closing, serviced_loans
from halfpenny.underwriting import documents, reviews, valuation_reports
from halfpenny.underwriting.valuation_reports import service as valuer_service
from halfpenny_demo.valuation_document import report_document
from halfpenny_messages import (
    METHOD_PUBLISHED,
    PROMOTION_ASKED,
    PROMOTION_RESTATED,
    RISK_REQUESTS_EVENTS,
    RISK_REQUESTS_QUEUE,
    Judgement,
    MeasuredFigure,
    ModelFile,
)
from servicing import world as servicing_world
from support import lending
from support.bank import credits_in_suspense, pay_in_from_outside
from support.money import pay_in
from support.people import make_somebody
from support.typed import typed_application

EUR = Currency.EUR
QUEUE = funding.SUBSCRIPTIONS[0].queue
PLAN = report_document("Alder & Finch", "Pier 4", "Houses for sale", "2026-01-15")
EVENTS = ["investment.made", "loan.approved", "loan.drawn_down", "funding.milestone_reached"]
SUBSCRIBED = {
    QUEUE: EVENTS,
    RISK_REQUESTS_QUEUE: RISK_REQUESTS_EVENTS,
    **{each.queue: each.events for each in (underwriting.SUBSCRIPTION, risk_reporting.SUBSCRIPTION, PROMOTIONS)},
}


async def make_books(database: Database) -> None:
    """Every table that holds money, a status, an owner, a rate or a date has rows, in most of their states."""
    await _subscribe(database)
    await _people_and_payments(database)
    await _applications(database)
    await _funding(database)
    await _serviced(database)
    await _in_trouble(database)
    await _bank(database)
    await _risk_reports(database)
    await _promotion(database)
    # The risk service asks for a promotion that was published.
    await _publish(database)
    await _risk_service(database)
    await _relay(database)
    await seal(database)


async def seal(database: Database) -> None:
    """What the worker does every second or two."""
    while True:
        async with database.unit_of_work() as connection:
            if not await ledger.seal(connection) + await audit.seal(connection):
                break
    await row_history.seal(database)
    # Its next round: the heads of the other chains.
    async with database.unit_of_work() as connection:
        assert await ledger.seal(connection) == 0


async def _risk_reports(database: Database) -> None:
    method = {"policy_version": "policy-1", "model_version": "rules-1", "central_tendency": "0.05"}
    async with database.unit_of_work() as connection:
        today = await clock.business_date(connection)
        await risk_store.insert(connection, risk_store.RiskReportKind.MONITORING, today, {"assessed": 3})
        await risk_store.insert(connection, risk_store.RiskReportKind.PORTFOLIO, today, {"exposure": "90000.00"})
        await risk_store.insert_method(connection, method)


async def _promotion(database: Database) -> None:
    """Two people promote a model."""
    with tempfile.TemporaryDirectory() as folder:
        acts = Acts(promotion_acts(PromotionKey(Path(folder) / "key.json", make=True)))
        champion, candidate = (
            ModelFile(file=f"borrower_{name}.json", sha256=digit * 64) for name, digit in (("old", "a"), ("new", "b"))
        )
        figure = MeasuredFigure(value="0.15", low="0.14", high="0.16")
        judgement = Judgement(
            champion=champion,
            judged_on=date(2026, 11, 20),
            data_sha256="c" * 64,
            rows=4446,
            monotone_trials=10_000,
            monotone_breaks=0,
            brier=figure,
            brier_difference=MeasuredFigure(value="-0.001", low="-0.004", high="0.002"),
            slope=MeasuredFigure(value="1.02", low="0.95", high="1.09"),
            intercept=MeasuredFigure(value="0.01", low="-0.06", high="0.08"),
        )
        proposed = ProposedPromotion(candidate, champion, judgement)
        one, other = [await make_somebody(database, "administrator") for _ in range(2)]
        async with database.unit_of_work() as connection:
            outcome = await perform(
                connection, acts, PROMOTE, one.principal(), BORROWER_MODEL_ID, proposed, "Better on unseen rows."
            )
            assert outcome.approval is not None
            await approve(connection, acts, other.principal(), outcome.approval.id)


async def _risk_service(database: Database) -> None:
    """It has answered every request, written about each answer, published its method, and asked for the promotion."""
    asked = "SELECT outbox_append(jsonb_build_array(jsonb_build_object('name', $1::text, 'version', 1, "
    asked += "'aggregate_id', $2::uuid, 'payload', $3::jsonb)))"
    method = {"policy_version": "policy-1", "model_version": "rules-1", "central_tendency": "0.05"}
    async with database.unit_of_work() as connection:
        await connection.execute(_ANSWERS)
        await connection.execute(
            "INSERT INTO assessment (id, loan_id, loan_version, model_version, current, answer, received_at) "
            "SELECT uuidv7(), aggregate_id, (payload->>'loan_version')::bigint, payload->>'model_version', true, "
            "payload, business_now() FROM outbox WHERE name = 'loan.assessed'"
        )
        await connection.execute(_NARRATIVES)
        await connection.execute(
            "INSERT INTO assessment_narrative SELECT a.id, o.payload->'narrative', business_now() FROM outbox o "
            "JOIN assessment a ON a.answer->>'request_id' = o.payload->>'request_id' "
            "WHERE o.name = 'loan.narrative_written'"
        )
        await connection.execute(asked, METHOD_PUBLISHED, uuid7(), method)
        question = uuid7()
        await connection.execute(asked, PROMOTION_ASKED, question, {"number": 0})
        signed = await connection.fetchval("SELECT signed FROM risk_promotion")
        await connection.execute(asked, PROMOTION_RESTATED, question, {"signed": signed})


_ANSWERS = """
SELECT outbox_append(jsonb_agg(jsonb_build_object('event_id', gen_random_uuid(), 'name', 'loan.assessed', 'version', 1,
  'aggregate_id', aggregate_id, 'payload', jsonb_build_object('request_id', event_id, 'loan_id', aggregate_id,
    'loan_version', coalesce(payload->'loan'->'version', payload->'version'), 'model_version', 'rules-' || seq,
    'grade', 'B'))))
FROM outbox WHERE name IN ('loan.submitted', 'loan.reassessment_requested')
"""
_NARRATIVES = """
SELECT outbox_append(jsonb_agg(jsonb_build_object('event_id', gen_random_uuid(), 'name', 'loan.narrative_written',
  'version', 1, 'aggregate_id', aggregate_id, 'payload',
  payload - 'grade' || '{"narrative": {"written_by": "ai"}}')))
FROM outbox WHERE name = 'loan.assessed'
"""


async def _subscribe(database: Database) -> None:
    async with database.unit_of_work() as connection:
        for queue, names in SUBSCRIBED.items():
            await connection.execute("SELECT queue_subscribe($1, $2)", queue, list(names))


async def _publish(database: Database) -> None:
    async with database.unit_of_work() as connection:
        while await connection.fetchval("SELECT outbox_fan_out(500)"):
            pass


async def _relay(database: Database) -> None:
    """All events are published; the queue has handled all of its own but two."""
    await _publish(database)
    async with database.unit_of_work() as connection:
        await connection.execute(
            "INSERT INTO inbox (queue, event_id) SELECT queue, event_id FROM delivery ON CONFLICT DO NOTHING"
        )
        # Nobody has come to the last two of the queue yet.
        await connection.execute(
            "DELETE FROM inbox WHERE (queue, event_id) IN (SELECT queue, event_id FROM delivery WHERE queue = $1 "
            "ORDER BY seq DESC LIMIT 2)",
            QUEUE,
        )
        await connection.execute(
            "DELETE FROM delivery d USING inbox i WHERE i.queue = d.queue AND i.event_id = d.event_id"
        )
        await connection.execute(
            "INSERT INTO funding_milestone SELECT DISTINCT aggregate_id, (payload->>'percent')::int, business_now() "
            "FROM outbox JOIN inbox USING (event_id) WHERE name = 'funding.milestone_reached' AND queue = $1",
            QUEUE,
        )
        await connection.execute(
            "SELECT queue_dead_letter(queue, event_id, 'poison', 'no such loan') FROM delivery ORDER BY seq LIMIT 1"
        )


async def _report(connection: Connection, approval_id: UUID) -> None:
    found = await approval_store.find(connection, approval_id)
    assert found is not None
    await outbox.append_many(connection, [approval_events.event(found)])


async def _people_and_payments(database: Database) -> None:
    async with database.unit_of_work() as connection:
        person, other = [await lending.person(connection, "investor") for _ in range(2)]
        await connection.execute("INSERT INTO related_party (user_id, related_user_id) VALUES ($1, $2)", person, other)
        await pay_in(connection, [person], 100_000)
        # The sandbox's bank returns amounts with these cents.
        for amount in (20_000, 10_013):
            await funding.request_withdrawal(connection, person, Money(amount, EUR))
    await funding.settle_payments(database)
    async with database.unit_of_work() as connection:
        request = RequestKey(person, uuid7().hex, b"fingerprint")
        await claim(connection, request)
        await remember(connection, request, 202, {"amount": "50.00"})


async def _applications(database: Database) -> None:
    async with database.unit_of_work() as connection:
        borrower = await lending.person(connection, "borrower")
        staff = [await lending.person(connection, "administrator") for _ in range(2)]
        await applying.draft(connection, borrower, lending.application(), lending.RULES)
        begun = await loans.application_forms.start(connection, borrower)
        for step in loans.application_forms.STEPS:
            typed = typed_application()
            await loans.application_forms.save(connection, borrower, begun.id, step, step, typed, lending.RULES)
        await loans.application_forms.submit(connection, borrower, begun.id, 4, lending.RULES)
        other = await loans.application_forms.start(connection, borrower)
        await loans.application_forms.save(connection, borrower, other.id, 1, 1, typed_application(), lending.RULES)
        valued = await lending.assessed(connection, borrower)
        figure = loans.Valuation(48_000_000, valued.application.property.valued_on, "Alder & Finch Surveyors")
        await applying.revalue(connection, loans.Actor(loans.ActorKind.ADMINISTRATOR, staff[0]), valued.id, figure)
        await _reports(connection, valued, staff)
        refused = await lending.assessed(connection, borrower)
        await deciding.decide_on(
            connection,
            staff[0],
            refused.id,
            Decision(Verdict.DECLINE, refused.version, loans.DecisionReason.EXIT, "Thin."),
            lending.RULES,
        )
        plan = documents.UploadedDocument(documents.DocumentKind.BUSINESS_PLAN, None, PLAN)
        accounts = documents.UploadedDocument(documents.DocumentKind.ACCOUNTS, 2025, PLAN)
        for document in (plan, accounts):
            await documents.upload(connection, borrower, valued.id, document)
        review = await reviews.request_review(connection, borrower, refused.id, "There is a buyer.")
        await reviews.decide(connection, staff[1], review.id, overturned=False, answer="The buyer has no money.")
        large = await lending.assessed(connection, borrower, amount_minor=120_000_000)
        strict = replace(lending.RULES, second_approval_above_minor=1)
        for administrator in staff:
            decision = Decision(Verdict.APPROVE, large.version, loans.DecisionReason.WITHIN_POLICY, "Sound.")
            await deciding.decide_on(connection, administrator, large.id, decision, strict)
        await connection.execute(
            "INSERT INTO approval (id, act, subject, object_id, object_version, facts, payload, worth_eur_minor, "
            "reason, proposed_by, proposed_at, earliest_at, expires_at) VALUES ($1, 'loan.extend', 'loan', $2, '5', "
            "'{}', '{}', 120000, 'Sale is late.', $3, now(), now(), now() + interval '3 days')",
            proposed := uuid7(),
            large.id,
            staff[0],
        )
        await _report(connection, proposed)
        cancelled = await lending.offered(connection, borrower, staff[1])
        await applying.withdraw(connection, borrower, cancelled.id)


async def _reports(connection: Connection, loan: loans.Loan, staff: list[UserId]) -> None:
    """A valuer who was removed and one of the panel; a report that was verified, and one that waits."""
    gone = await valuation_reports.add_valuer(connection, staff[0], "Old Oak", "RICS", "1", "US")
    await valuer_service.remove_valuer(connection, staff[1], gone.id)
    valuer = await valuation_reports.add_valuer(connection, staff[0], "Alder & Finch", "RICS", "2", "US")
    document = report_document("Alder & Finch", "1523 Lake Washington Boulevard", "470000.00 EUR", "2025-09-15")
    figure = valuation_reports.UploadedReport(
        valuer.id, loans.ValuationSource.SURVEY, 47_000_000, loan.application.property.valued_on, document
    )
    for verified in (True, False):
        report = await valuation_reports.upload(connection, loan.borrower_id, loan.id, figure)
        if verified:
            checks = tuple(valuation_reports.ReportCheck)
            await valuation_reports.verify(connection, staff[1], loan.id, report.id, checks)


async def _funding(database: Database) -> None:
    """A full loan with a waiting list, one that is filling, and one that came to nothing."""
    async with database.unit_of_work() as connection:
        borrower = await lending.person(connection, "borrower")
        administrator = await lending.person(connection, "administrator")
        full, filling, ended = [
            await lending.funding(connection, borrower, administrator, amount_minor=amount)
            for amount in (100_000, 500_000, 300_000)
        ]
        people = [await lending.person(connection, "investor") for _ in range(3)]
        await connection.execute("UPDATE app_user SET sophisticated = true WHERE id = $1", people[2])
        await give(connection, people, 400_000)
    async with open_desk(database) as desk:
        made = [
            await desk.invest(make_ticket(loan.id, person, amount))
            for loan, person, amount in (
                (full, people[0], 40_000),
                (full, people[1], 60_000),
                (filling, people[0], 50_000),
                (filling, people[1], 70_000),
                (filling, people[2], 90_000),
                (ended, people[1], 55_000),
            )
        ]
    async with database.unit_of_work() as connection:
        waiting = await tickets.join_waiting_list(connection, UserId(people[2]), full.id, Money(30_000, EUR))
        await tickets.join_waiting_list(connection, UserId(people[1]), full.id, Money(20_000, EUR))
        assert waiting.status == "waiting"
        await funding.revoke(connection, people[0], made[2].investment_id)
        await funding.cancel(
            connection, ended.id, loans.Actor(loans.ActorKind.ADMINISTRATOR, administrator), "The seller withdrew."
        )


async def _serviced(database: Database) -> None:
    """A loan that has paid and one whose interest was retained; one distribution is declared and not yet shared."""
    made = await servicing_world.drawn(database, [333_333, 333_333, 333_334])
    async with database.unit_of_work() as connection:
        for number, person in enumerate(made.stakes):
            await tax_profiles.set_tax_profile(connection, person, "PL", number == 0, 19_000_000)
    retained = await servicing_world.drawn(database, [200_000, 100_000], mode=LoanInterestMode.RETAINED)
    for days, amount in ((31, 8_542), (31, 20_000)):
        await servicing_world.advance(database, timedelta(days=days))
        await servicing.close_days(database)
        await servicing_world.repay(database, made, amount)
        await servicing.pay_distributions(database)
    repaid = await servicing_world.drawn(database, [50_000])
    await servicing_world.repay(database, repaid, 60_000)
    await servicing.pay_distributions(database)
    async with database.unit_of_work() as connection:
        for number, person in enumerate(made.stakes):
            await tax_profiles.set_tax_profile(connection, person, "PL", number == 0, 20_000_000)
        await forbearing.extend(
            connection, retained.loan.id, 2, forbearing.Decided(retained.staff, "The sale is late.")
        )
        today = await clock.business_date(connection)
        closed = forbearing.Decided(made.staff, "The road to the site was closed.")
        await forbearing.pause_interest(connection, made.loan.id, today, today + timedelta(days=2), closed)
    await servicing_world.repay(database, made, 8_000)


async def _in_trouble(database: Database) -> None:
    """A loan that is late, one whose holders had too much of it, and one that lost a part and recovered some of it."""
    await servicing_world.drawn(database, [80_000, 20_000])
    overpaid = await servicing_world.drawn(database, [600_001, 399_999])
    made = await servicing_world.drawn(database, [250_000, 250_000, 500_001])
    await servicing_world.advance(database, timedelta(days=40))
    await servicing.close_days(database)
    await _settled(database, overpaid)
    async with database.unit_of_work() as connection:
        await arrears.mark_unlikely_to_pay(connection, made.loan.id, made.staff, "Insolvency proceedings opened.")
        await arrears.accelerate(connection, made.loan.id, made.staff, "Notice served.")
        await arrears.start_recovery(connection, made.loan.id, made.staff, "An agent was appointed to sell.")
        await arrears.advance_cost(connection, made.loan.id, Money(12_000, EUR), "court fees", made.staff, "Costs.")
        twice = forbearing.Decided(made.staff, "The court billed a part of it twice.")
        await forbearing.waive(connection, made.loan.id, Component.RECOVERY_COST, Money(1_500, EUR), twice)
    await servicing_world.advance(database, timedelta(days=1))
    await servicing_world.repay(database, made, 612_000)
    async with database.unit_of_work() as connection:
        await arrears.write_off(connection, made.loan.id, made.staff, "The sale is settled.")
    await servicing_world.advance(database, timedelta(days=30))
    await servicing_world.repay(database, made, 100_003)
    async with database.reading() as connection:
        waiting = await connection.fetch("SELECT id FROM distribution d WHERE d.loan_id = $1", made.loan.id)
    for row in waiting:
        await servicing.pay_distribution(database, row["id"])
    await servicing_world.advance(database, timedelta(days=2))
    async with database.unit_of_work() as connection:
        # As a close leaves a loan that it could not post; the next one could.
        await closing.set_aside(connection, made.loan.id, await clock.business_date(connection), "event_before_advance")
    await servicing.close_days(database)


async def _settled(database: Database, made: servicing_world.Drawn) -> None:
    """Redeemed with default interest, which a receipt that the bank reports late shows was never owed."""
    async with database.reading() as connection:
        figure = (await servicing.redemption_on(connection, made.loan.id, None)).payable
        due_on = (await serviced_loans.instalments(connection, made.loan.id))[0]["due_on"]
    await servicing_world.repay(database, made, figure)
    async with database.reading() as connection:
        [declared] = await connection.fetch("SELECT id FROM distribution WHERE loan_id = $1", made.loan.id)
    await servicing.pay_distribution(database, declared["id"])
    async with database.unit_of_work() as connection:
        await servicing_world.deposit(connection, made.borrower, 9_000)
        wallet = Account(AccountKind.WALLET, made.borrower, EUR)
        amount = Money(9_000, EUR)
        await servicing.receive_from_bank(connection, made.loan.id, amount, due_on, made.staff, source=wallet)
        await settling.settle_overpaid(
            connection, made.loan.id, OverpaidBearer.PLATFORM, made.administrator, "The bank apologised."
        )


async def _bank(database: Database) -> None:
    """Lines of statements: whole, split, returned, unknown; receipts announced, posted ahead, matched, withdrawn."""
    made, other = [await servicing_world.drawn(database, [2_000_000]) for _ in range(2)]
    async with database.unit_of_work() as connection:
        today = await clock.business_date(connection)
        staff = [await lending.person(connection, "administrator") for _ in range(2)]
        for number, amount in enumerate((5_000, 600, 70, 3_210, 4_321)):
            await pay_in_from_outside(connection, amount, today, reference=f"RF{number}")
        expected, ahead, matched, withdrawn = [
            await funding.announce(connection, staff[0], Money(amount, EUR), today, "A. Payer", reference, made.loan.id)
            for amount, reference in ((1_234, "none"), (2_345, "ahead"), (3_210, "RF3"), (999, "error"))
        ]
        await funding.withdraw_receipt(connection, withdrawn.id, staff[0])
        await _post_ahead(connection, ahead, staff[0], staff[1])
        person = await lending.person(connection, "investor")
        await pay_in(connection, [person], 100_000)
        document = bank.write_statement(await bank.print_statement(connection, "EUR", today))
        file_id = await statements.take_file(connection, document, staff[0])
        await _approved(connection, "bank.statement", "statement_file", file_id, staff[0], staff[1])
        await funding.reconcile(connection, document, funding.Handover(file_id, staff[0], staff[1]))
    first, second, *_ = await credits_in_suspense(database)
    async with database.unit_of_work() as connection:
        whole = [bank_receipts.LinePart(made.loan.id, 5_000)]
        await bank_receipts.allocate(connection, first, whole, made.staff)
        credit = await funding.credit_in_suspense(connection, second)
        split = [bank_receipts.LinePart(loan.loan.id, 250) for loan in (made, other)]
        await bank_receipts.allocate(connection, second, split, made.staff)
        await funding.return_credit(connection, credit.line.id, staff[0])
        assert await bank_receipts.allocate_arrived(connection, matched.line_id or first, made.loan.id, _never) is None
        assert expected.status == "expected"
    async with database.unit_of_work() as connection:
        await ledger.snapshot(connection)
        # These two are still under way.
        await funding.request_withdrawal(connection, person, Money(5_000, EUR))
        await funding.request_deposit(connection, person, Money(7_000, EUR))


def _never(_: int, __: Currency) -> bool:
    return False


async def _post_ahead(connection: Connection, receipt: funding.BankReceipt, one: UserId, other: UserId) -> None:
    """As the act does it."""
    await _approved(connection, "receipt.post_ahead", "receipt", receipt.id, one, other)
    actor = loans.Actor(loans.ActorKind.ADMINISTRATOR, one)
    await bank_receipts.post_ahead(connection, receipt, other, actor)


async def _approved(
    connection: Connection, act: str, subject: str, object_id: UUID, one: UserId, other: UserId
) -> None:
    """The approval of an act stands as the mechanism writes it."""
    await connection.execute(
        "INSERT INTO approval (id, act, subject, object_id, object_version, facts, payload, reason, "
        "proposed_by, proposed_at, earliest_at, expires_at) "
        "VALUES ($1, $4, $5, $2, '1', '{}', '{}', 'Seen at the bank.', $3, now(), now(), now() + interval '3 days')",
        approval_id := uuid7(),
        object_id,
        one,
        act,
        subject,
    )
    await _report(connection, approval_id)
    await connection.execute(
        "UPDATE approval SET status = 'approved', decided_by = $2, decided_at = now(), result = '{}' WHERE id = $1",
        approval_id,
        other,
    )
    await _report(connection, approval_id)
