"""Funding's own SQL on the way of a ticket: what a batch is decided by, and its one write.

Everything is set-based: a batch of 500 tickets costs as many statements as a batch of one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from halfpenny.funding.model import AcceptedTicket, InvestmentConfirmation, InvestorFacts, Ticket
from halfpenny.identity import STAFF_ROLES, KycStatus, Role
from halfpenny.platform.database import Connection, Record
from halfpenny.platform.outbox import OutboxEvent, as_json

_FACTS = "SELECT * FROM funding_facts($1::uuid[], $2::uuid[], $3::text[])"


async def facts(connection: Connection, tickets: Sequence[Ticket]) -> list[Record]:
    """One row a ticket, in order: the clock, the investor, what they hold, what is stored under the key.

    Takes the shared lock of each key, where nobody claims that key for something else at this moment.
    """
    return await connection.fetch(
        _FACTS,
        [ticket.loan_id for ticket in tickets],
        [ticket.investor_id for ticket in tickets],
        [ticket.key for ticket in tickets],
    )


def investor_facts(row: Record) -> InvestorFacts:
    return InvestorFacts(
        investor=row["role"] == Role.INVESTOR and row["enabled"],
        staff=row["role"] in STAFF_ROLES,
        email_verified=row["verified"],
        kyc_passed=row["kyc_status"] == KycStatus.VERIFIED,
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
        [answer.investment_id for answer in answers],
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
