"""A borrower fills an application in, step by step, and sends it once."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from halfpenny.loans import errors
from halfpenny.loans.application_forms import store
from halfpenny.loans.application_forms.model import ApplicationForm, FieldFault, read_form, typed_in_step
from halfpenny.loans.model import LendingRules, Loan
from halfpenny.loans.service import applying, lifecycle
from halfpenny.platform.clock import business_date, business_now
from halfpenny.platform.database import Connection
from halfpenny.primitives.ids import UserId

_MOST_UNSENT = 20


async def start(connection: Connection, borrower_id: UserId) -> ApplicationForm:
    """A form to fill in: the one that is there untouched, else a new one. Raises TooManyApplicationForms."""
    if len(await store.unsent(connection, borrower_id, _MOST_UNSENT)) == _MOST_UNSENT:
        raise errors.TooManyApplicationForms(maximum=_MOST_UNSENT)
    await store.insert(connection, borrower_id, await business_now(connection))
    return await store.untouched(connection, borrower_id)


async def get_own(connection: Connection, borrower_id: UserId, form_id: UUID, *, lock: bool = False) -> ApplicationForm:
    """The borrower's own form. Another person's does not exist for them: ApplicationFormNotFound."""
    form = await store.find(connection, form_id, lock=lock)
    if form is None or form.borrower_id != borrower_id:
        raise errors.ApplicationFormNotFound()
    return form


async def unsent(connection: Connection, borrower_id: UserId) -> list[ApplicationForm]:
    """The borrower's forms that were not sent yet, newest first."""
    return await store.unsent(connection, borrower_id, _MOST_UNSENT)


async def save(
    connection: Connection,
    borrower_id: UserId,
    form_id: UUID,
    version: int,
    step: int,
    typed: Mapping[str, str],
    rules: LendingRules,
) -> Mapping[str, FieldFault]:
    """Keep one step of the version that was read; where a field of it cannot stand, nothing, and the faults by field.

    Raises ApplicationFormNotFound, ApplicationFormSent, StaleVersion where another tab has saved meanwhile.
    """
    form = await get_own(connection, borrower_id, form_id, lock=True)
    if form.loan_id is not None:
        raise errors.ApplicationFormSent(loan_id=str(form.loan_id))
    fields = {**form.fields, **typed_in_step(step, typed)}
    faults = read_form(fields, rules, await business_date(connection)).of_step(step)
    if faults:
        return faults
    if form.version != version:
        raise errors.StaleVersion()
    await store.save(connection, form_id, fields, await business_now(connection))
    return {}


async def submit(connection: Connection, borrower_id: UserId, form_id: UUID, version: int, rules: LendingRules) -> Loan:
    """Send the version that was checked: the loan and the event that asks for its assessment commit together.

    A form that was sent is answered with its loan, so that a second click sends nothing. Raises StaleVersion, and
    ApplicationIncomplete where a field cannot stand; nothing has changed then.
    """
    form = await get_own(connection, borrower_id, form_id, lock=True)
    if form.loan_id is not None:
        return await lifecycle.get(connection, form.loan_id)
    if form.version != version:
        raise errors.StaleVersion()
    reading = read_form(form.fields, rules, await business_date(connection))
    if reading.application is None:
        raise errors.ApplicationIncomplete(fields=list(reading.faults))
    loan = await applying.apply(connection, borrower_id, reading.application, rules)
    await store.mark_sent(connection, form_id, loan.id, await business_now(connection))
    return loan
