"""Funding's own SQL on the way of a ticket: what a batch is decided by, and its one write.

Everything is set-based: a batch of 500 tickets costs as many statements as a batch of one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from halfpenny.funding.model import AcceptedTicket, InvestmentConfirmation, InvestorFacts, Ticket
from halfpenny.identity import STAFF_ROLES
from halfpenny.platform.database import Connection, Record
from halfpenny.platform.outbox import OutboxEvent, as_json

# Identity's row of the investor is read in the same statement as our own rows: one trip for the whole batch.
_FACTS = """
SELECT business_now() AS now, u.id IS NOT NULL AS known, u.role, u.email_verified_at IS NOT NULL AS verified,
       u.kyc_status, u.sophisticated, u.disabled_at IS NULL AS enabled,
       p.invested_minor, l.borrower_id,
       EXISTS (SELECT FROM related_party r WHERE (r.user_id, r.related_user_id) = (l.borrower_id, t.investor_id)
               OR (r.user_id, r.related_user_id) = (t.investor_id, l.borrower_id)) AS related,
       i.id AS investment_id, i.loan_id AS stored_loan_id, i.fingerprint, i.amount_minor, i.currency,
       i.revocable_until, i.answer_target_minor, i.answer_funded_minor, i.answer_investors, i.answer_version
FROM unnest($1::uuid[], $2::uuid[], $3::text[]) WITH ORDINALITY AS t (loan_id, investor_id, key, place)
LEFT JOIN loan l ON l.id = t.loan_id
LEFT JOIN app_user u ON u.id = t.investor_id
LEFT JOIN position p ON p.loan_id = t.loan_id AND p.investor_id = t.investor_id
LEFT JOIN investment i ON i.investor_id = t.investor_id AND i.idempotency_key = t.key
ORDER BY t.place
"""


async def facts(connection: Connection, tickets: Sequence[Ticket]) -> list[Record]:
    """One row a ticket, in order: the clock, the investor, what they hold, what is stored under the key."""
    return await connection.fetch(
        _FACTS,
        [ticket.loan_id for ticket in tickets],
        [ticket.investor_id for ticket in tickets],
        [ticket.key for ticket in tickets],
    )


def investor_facts(row: Record) -> InvestorFacts:
    return InvestorFacts(
        investor=row["role"] == "investor" and row["enabled"],
        staff=row["role"] in STAFF_ROLES,
        email_verified=row["verified"],
        kyc_passed=row["kyc_status"] == "verified",
        sophisticated=row["sophisticated"],
    )


def stored_answer(row: Record, investor_id: UUID) -> InvestmentConfirmation:
    """The answer kept with an investment, as it was first given."""
    return InvestmentConfirmation(
        investment_id=row["investment_id"],
        loan_id=row["stored_loan_id"],
        investor_id=investor_id,
        amount_minor=row["amount_minor"],
        currency=row["currency"],
        revocable_until=row["revocable_until"],
        target_minor=row["answer_target_minor"],
        funded_minor=row["answer_funded_minor"],
        investors=row["answer_investors"],
        version=row["answer_version"],
    )


_WRITE = """
WITH made AS (
  INSERT INTO investment (id, loan_id, investor_id, amount_minor, currency, revocable_until, made_at,
    idempotency_key, fingerprint, answer_target_minor, answer_funded_minor, answer_investors, answer_version)
  SELECT id, loan_id, investor_id, amount, currency, until, $1, key, fingerprint, target, funded, investors, version
  FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::bigint[], $6::text[], $7::timestamptz[], $8::text[],
    $9::bytea[], $10::bigint[], $11::bigint[], $12::int[], $13::bigint[])
    AS t (id, loan_id, investor_id, amount, currency, until, key, fingerprint, target, funded, investors, version)
), held AS (
  INSERT INTO position AS p (loan_id, investor_id, currency, invested_minor)
  SELECT loan_id, investor_id, min(currency), sum(amount)
  FROM unnest($3::uuid[], $4::uuid[], $5::bigint[], $6::text[]) AS t (loan_id, investor_id, amount, currency)
  GROUP BY loan_id, investor_id
  ON CONFLICT (loan_id, investor_id) DO UPDATE SET invested_minor = p.invested_minor + excluded.invested_minor
)
SELECT outbox_append($14::jsonb)
"""


async def write(
    connection: Connection,
    now: datetime,
    taken: Sequence[tuple[Ticket, AcceptedTicket]],
    events: Iterable[OutboxEvent],
) -> None:
    """Insert the investments, move the positions and append the events: one statement."""
    tickets = [ticket for ticket, _ in taken]
    answers = [decision.answer for _, decision in taken]
    await connection.fetchrow(
        _WRITE,
        now,
        [ticket.investment_id for ticket in tickets],
        [ticket.loan_id for ticket in tickets],
        [ticket.investor_id for ticket in tickets],
        [ticket.amount_minor for ticket in tickets],
        [ticket.currency for ticket in tickets],
        [answer.revocable_until for answer in answers],
        [ticket.key for ticket in tickets],
        [ticket.fingerprint for ticket in tickets],
        [answer.target_minor for answer in answers],
        [answer.funded_minor for answer in answers],
        [answer.investors for answer in answers],
        [answer.version for answer in answers],
        as_json(events),
    )
