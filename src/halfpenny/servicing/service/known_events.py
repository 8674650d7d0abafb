"""What has happened to a loan by a day: its log, and the changes of the law that it does not have yet."""

from __future__ import annotations

from datetime import date

from halfpenny.platform.clock import business_date
from halfpenny.platform.database import Connection
from halfpenny.primitives import legal_maximum
from halfpenny.servicing.model.engine import replay
from halfpenny.servicing.model.events import Event
from halfpenny.servicing.model.legal_changes import legal_changes
from halfpenny.servicing.model.position import LoanPosition
from halfpenny.servicing.model.serviced_loan import ServicedLoan
from halfpenny.servicing.store import serviced_loans


async def known_events(connection: Connection, serviced: ServicedLoan, to: date) -> list[Event]:
    """The events of the loan's log and each published change of the law by ``to`` that is not in it.

    Whatever shows or checks a figure reads these: the next posting records the changes before anything else, so a
    figure of the log alone would be another one by then.
    """
    recorded = await serviced_loans.events(connection, serviced.loan_id)
    return [*recorded, *legal_changes(serviced.terms, recorded, to, legal_maximum.published())]


async def current_position(connection: Connection, serviced: ServicedLoan) -> LoanPosition:
    """Where the loan stands today, or on the day of what has been posted already where that is later."""
    day = max(await business_date(connection), serviced.replayed_on)
    return replay(serviced.terms, (), day, recorded=await known_events(connection, serviced, day))
