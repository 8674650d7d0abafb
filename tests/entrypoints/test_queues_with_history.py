"""What waits is found at the same cost however much has passed through: every query that takes the next of something.

Each of these tables gets thousands of rows that leave its index again, as letters do that are sent and payments that
are settled, and nobody vacuums. Asking once more must not read what has left.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from halfpenny import loans
from halfpenny.approvals import store as approvals
from halfpenny.funding.store import payments, reconciliation, tickets
from halfpenny.identity import store as identity
from halfpenny.loans import store as loan_store
from halfpenny.platform.database import Connection, Database
from halfpenny.platform.queue import rabbit
from halfpenny.servicing.store import distributions
from support import lending
from support.tuples import tuples_read, until_reported

PASSED = 5_000
# A full page of an index is read at most, where what has passed takes dozens.
MOST = 300


@dataclass(frozen=True)
class Waiting:
    """How rows come to wait in ``table`` ($1 of them), how they leave, and who asks for the next ones."""

    table: str
    come: str
    leave: str
    ask: Callable[[Connection], Awaitable[Any]]


async def relayed(connection: Connection) -> None:
    """By the queue in PostgreSQL and by RabbitMQ."""
    await connection.fetch("SELECT outbox_fan_out(10)")
    await connection.fetch(rabbit._TAKE, 10)


LOAN = "'00000000-0000-0000-0000-000000000001'"
WAITING = [
    Waiting(
        "outgoing_mail",
        "INSERT INTO outgoing_mail (id, recipient, occasion) SELECT uuidv7(), 'a@b.c', 'invitation' {rows}",
        "DELETE FROM outgoing_mail",
        lambda connection: identity.claim_mail(connection, 10),
    ),
    Waiting(
        "outbox",
        "INSERT INTO outbox (event_id, name, version, aggregate_id, payload) "
        "SELECT uuidv7(), 'example.made', 1, uuidv7(), '{{}}' {rows}",
        "UPDATE outbox SET published_at = now()",
        relayed,
    ),
    Waiting(
        "delivery",
        "INSERT INTO delivery (queue, event_id, seq) SELECT 'example', uuidv7(), n {rows}",
        "DELETE FROM delivery",
        lambda connection: connection.fetch("SELECT * FROM queue_claim('example', 10, 60)"),
    ),
    Waiting(
        "approval",
        "INSERT INTO approval (id, act, subject, object_id, object_version, facts, payload, reason, proposed_by, "
        "proposed_at, earliest_at, expires_at) SELECT uuidv7(), 'a', 'b', uuidv7(), '1', '{{}}', '{{}}', 'c', "
        "uuidv7(), now() - interval '3 days', now() - interval '2 days', now() - interval '1 day' {rows}",
        "UPDATE approval SET status = 'expired', decided_at = now()",
        lambda connection: approvals.expire(connection, 10),
    ),
    Waiting(
        "wallet_payment",
        "INSERT INTO wallet_payment (id, user_id, direction, amount_minor, currency, requested_at) "
        "SELECT uuidv7(), uuidv7(), 'deposit', 1, 'EUR', now() {rows}",
        "UPDATE wallet_payment SET status = 'settled'",
        lambda connection: payments.lock_pending(connection, 10),
    ),
    Waiting(
        "loan_funding",
        "INSERT INTO loan_funding (loan_id, borrower_id, currency, target_minor, status, deadline, minimum_minor, "
        "step_minor) SELECT uuidv7(), uuidv7(), 'EUR', 1, 'open', now() - interval '1 day', 1, 1 {rows}",
        "UPDATE loan_funding SET status = 'closed'",
        lambda connection: loan_store.past_deadline(connection, 10),
    ),
    Waiting(
        "loan",
        "INSERT INTO loan SELECT (jsonb_populate_record(l, jsonb_build_object('id', uuidv7()))).* FROM loan l, "
        "(SELECT 1 {rows}) more",
        "UPDATE loan SET status = 'declined'",
        lambda connection: loans.awaiting_decision(connection, None, 10),
    ),
    Waiting(
        "waiting_ticket",
        "INSERT INTO waiting_ticket (id, loan_id, investor_id, amount_minor, currency, joined_at) "
        f"SELECT uuidv7(), {LOAN}, uuidv7(), 1, 'EUR', now() {{rows}}",
        "UPDATE waiting_ticket SET status = 'left'",
        lambda connection: tickets.next_waiting(connection, UUID(int=1), 10),
    ),
    Waiting(
        "reconciliation_item",
        "INSERT INTO reconciliation_item (id, statement_id, kind, reference, account, action, direction, currency, "
        "expected_minor, found_minor, found_at) SELECT uuidv7(), uuidv7(), 'late', n::text, 'a', 'b', 'CRDT', 'EUR', "
        "1, 1, now() {rows}",
        "UPDATE reconciliation_item SET status = 'resolved'",
        lambda connection: reconciliation.open_items(connection, None, 10),
    ),
    Waiting(
        "distribution",
        "INSERT INTO distribution (id, loan_id, number, currency, effective_date, covers_to, after_event, "
        "principal_minor, interest_minor, default_interest_minor, recovered_minor) "
        "SELECT uuidv7(), uuidv7(), 1, 'EUR', '2026-02-03', '2026-02-03', 1, 1, 1, 1, 1 {rows}",
        "UPDATE distribution SET status = 'paid'",
        lambda connection: distributions.next_unfinished(connection, 10),
    ),
]


async def test_what_has_passed_through_is_not_read_again(
    database: Database, database_url: str, superuser: Database
) -> None:
    async with database.unit_of_work() as connection:
        await lending.submitted(connection, await lending.person(connection, "borrower"))
    async with superuser.pool.acquire() as owner:
        # No triggers and no foreign keys: the rows are there for their indexes only.
        await owner.execute("SET session_replication_role = replica")
        for waiting in WAITING:
            rows = f"FROM generate_series(1, {PASSED}) n"
            await owner.execute(waiting.come.format(rows=rows))
            await owner.execute(waiting.leave)
        await owner.execute("RESET session_replication_role")
    # Whatever has passed is seen once by an index. A new plan, after an analysis in between, may choose another index
    # and see it there once more; nothing sees it again and again.
    dear: list[dict[str, int]] = []
    for _ in range(4):
        before = await reported(database, database_url)
        await ask_all(database)
        after = await reported(database, database_url)
        dear.append({name: after[name] - before[name] for name in after if after[name] - before[name] > MOST})
    assert {} in dear[1:], dear


async def ask_all(database: Database) -> None:
    for waiting in WAITING:
        async with database.unit_of_work() as connection:
            await waiting.ask(connection)


async def reported(database: Database, database_url: str) -> dict[str, int]:
    """Not asked for at once: an index marks dead entries once the server's xmin horizon has moved beyond them."""
    await until_reported()
    async with database.unit_of_work() as connection:
        await connection.execute("SELECT 1")
    return await tuples_read(database_url)
