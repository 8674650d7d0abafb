"""The application as pages: begun, filled in step by step, checked and sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from halfpenny import identity, loans
from halfpenny.identity import Permission, Principal, requires
from halfpenny.loans import application_forms as forms
from halfpenny.marketplace import application_labels, labels
from halfpenny.platform.clock import business_date
from halfpenny.platform.database import Database
from halfpenny.platform.figures import read_amount
from halfpenny.platform.http import AppDatabase, AppPages, FormFields, PageRenderer
from halfpenny.platform.http.page_forms import RefusedForm, fault_of
from halfpenny.primitives.errors import HalfpennyError
from halfpenny.primitives.money import Currency, MalformedAmount, format_minor

CHECK: Final = 4
router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class ApplicationPage:
    """Who asks for a page of an application, and what it is made from."""

    request: Request
    principal: Principal
    database: Database
    pages: PageRenderer
    rules: loans.LendingRules

    def render(self, template: str, context: Mapping[str, Any], status: int = 200) -> Response:
        shown = {"labels": labels, "words": application_labels, **context}
        return self.pages.render(self.request, template, shown, status=status)


def _application_page(
    request: Request, principal: identity.SignedIn, database: AppDatabase, pages: AppPages, rules: loans.Rules
) -> ApplicationPage:
    return ApplicationPage(request, principal, database, pages, rules)


_Page = Annotated[ApplicationPage, Depends(_application_page)]


@router.get("/borrow/apply", dependencies=[requires(Permission.LOANS_APPLY)])
async def introduction(page: _Page) -> Response:
    """What an application takes, and the ones that were begun."""
    return await _introduction(page)


@router.post("/borrow/apply", dependencies=[requires(Permission.LOANS_APPLY)])
async def begin(page: _Page, fields: FormFields) -> Response:
    """Open a form; beginning twice opens the same one."""
    try:
        async with page.database.unit_of_work() as connection:
            form = await forms.start(connection, page.principal.user_id)
    except HalfpennyError as error:
        return await _introduction(page, RefusedForm(error, fields))
    return RedirectResponse(_step_path(form.id, 1), 303)


async def _introduction(page: ApplicationPage, refused: RefusedForm | None = None) -> Response:
    async with page.database.reading() as connection:
        begun = await forms.unsent(connection, page.principal.user_id)
    context = {"begun": [begun_row(form) for form in begun if form.version > 1], **fault_of(refused)}
    return page.render("marketplace/apply_start.html", context, refused.status if refused else 200)


def begun_row(form: forms.ApplicationForm) -> dict[str, Any]:
    """A line of a list: what is known of it by now, and where it goes on."""
    return {
        "kind": form.fields.get("kind", ""),
        "city": form.fields.get("city", ""),
        "changed_at": form.changed_at.isoformat(),
        "step": form.next_step,
        "link": _step_path(form.id, form.next_step),
    }


def _step_path(form_id: UUID, step: int) -> str:
    return f"/borrow/{form_id}/apply/{step}"


@router.get("/borrow/{form_id}/apply/{step}", dependencies=[requires(Permission.LOANS_APPLY)])
async def step_form(form_id: UUID, step: str, page: _Page) -> Response:
    """One step with what was typed before; the first open one where its turn has not come."""
    number = _step(step)
    async with page.database.reading() as connection:
        form = await forms.get_own(connection, page.principal.user_id, form_id)
        today = await business_date(connection)
    if form.loan_id is not None:
        return RedirectResponse(f"/borrow/{form.loan_id}", 303)
    if number > form.next_step:
        return RedirectResponse(_step_path(form_id, form.next_step), 303)
    reading = forms.read_form(form.fields, page.rules, today)
    if number == CHECK:
        return _check_page(page, form, reading)
    # What a later step has made wrong here is said as soon as one comes back.
    faults = reading.of_step(number) if number < form.next_step else {}
    return _step_page(page, form, number, form.fields, faults)


@router.post("/borrow/{form_id}/apply/{step}", dependencies=[requires(Permission.LOANS_APPLY)])
async def keep_step(form_id: UUID, step: str, page: _Page, fields: FormFields) -> Response:
    """Keep the step and go on, or send what was checked; the page again, with what was typed, where that is refused."""
    number, who = _step(step), page.principal.user_id
    version = int(fields["version"]) if fields.get("version", "").isdecimal() else 0
    refused = None
    faults: Mapping[str, forms.FieldFault] = {}
    try:
        async with page.database.unit_of_work() as connection:
            if number == CHECK:
                loan = await forms.submit(connection, who, form_id, version, page.rules)
                return RedirectResponse(f"/borrow/{loan.id}", 303)
            faults = await forms.save(connection, who, form_id, version, number, fields, page.rules)
        if not faults:
            return RedirectResponse(_step_path(form_id, number + 1), 303)
    except loans.ApplicationFormSent as sent:
        return RedirectResponse(f"/borrow/{sent.data['loan_id']}", 303)
    except HalfpennyError as error:
        refused = RefusedForm(error, fields)
    async with page.database.reading() as connection:
        form = await forms.get_own(connection, who, form_id)
        today = await business_date(connection)
    if number == CHECK:
        return _check_page(page, form, forms.read_form(form.fields, page.rules, today), refused)
    return _step_page(page, form, number, fields, faults, refused)


def _step(text: str) -> int:
    if text not in {"1", "2", "3", "4"}:
        raise loans.ApplicationFormNotFound()
    return int(text)


def _step_page(
    page: ApplicationPage,
    form: forms.ApplicationForm,
    step: int,
    typed: Mapping[str, str],
    faults: Mapping[str, forms.FieldFault],
    refused: RefusedForm | None = None,
) -> Response:
    currency = typed.get("currency") or form.fields.get("currency", "")
    context = {
        **_shared(form, step),
        "values": {name: typed.get(name, "") for name in forms.STEPS[step]},
        "faults": faults,
        "in_order": [name for _, names in application_labels.GROUPS[step] for name in names if name in faults],
        "echo": _echo(typed, step, currency),
        "currency": currency if currency in Currency.__members__ else "",
        "fault": refused.error.code if refused else None,
    }
    status = refused.status if refused else 422 if faults and page.request.method == "POST" else 200
    return page.render("marketplace/apply_step.html", context, status)


def _echo(typed: Mapping[str, str], step: int, currency: str) -> dict[str, dict[str, str]]:
    """Each amount that can be read, as it was read: it is shown back before it counts."""
    if currency not in Currency.__members__:
        return {}
    found = {}
    for name in forms.AMOUNTS & set(forms.STEPS[step]):
        try:
            found[name] = {"amount": read_amount(typed.get(name, "")), "currency": currency}
        except MalformedAmount:
            continue
    return found


def _shared(form: forms.ApplicationForm, step: int) -> dict[str, Any]:
    return {
        "step": step,
        "reached": form.next_step,
        "version": form.version,
        "paths": {number: _step_path(form.id, number) for number in application_labels.STEP},
        "saved_at": form.changed_at.isoformat() if form.version > 1 else None,
    }


def _check_page(
    page: ApplicationPage,
    form: forms.ApplicationForm,
    reading: forms.FormReading,
    refused: RefusedForm | None = None,
) -> Response:
    """Everything that was typed as it was read, what it comes to, and the button that sends it."""
    terms = reading.application
    currency = form.fields.get("currency", "")
    amounts = {name: amount for step in forms.STEPS for name, amount in _echo(form.fields, step, currency).items()}
    context = {
        **_shared(form, CHECK),
        "values": form.fields,
        "amounts": amounts,
        "faults": [
            (name, step, reading.faults[name])
            for step, groups in application_labels.GROUPS.items()
            for _, names in groups
            for name in names
            if name in reading.faults
        ],
        "read": _read(terms) if terms else {},
        "ltv": f"{loans.ltv_percent(terms):f}" if terms else None,
        "fees": _fees(terms, page.rules) if terms else [],
        "fault": refused.error.code if refused else None,
    }
    return page.render("marketplace/apply_check.html", context, refused.status if refused else 200)


def _read(terms: loans.Application) -> dict[str, Any]:
    """The numbers and days as they were read, for the page to write in its reader's notation."""
    asset = terms.property
    return {
        "area_m2": asset.area_m2,
        "lat": asset.lat,
        "lon": asset.lon,
        "valued_on": asset.valued_on.isoformat(),
        "purchased_on": asset.purchased_on and asset.purchased_on.isoformat(),
        "country": asset.country,
    }


def _fees(terms: loans.Application, rules: loans.LendingRules) -> list[dict[str, Any]]:
    return [
        {
            "en": fee.kind.english,
            "pl": fee.kind.polish,
            "amount": {
                "amount": format_minor(fee.charge_minor(terms.amount_minor)),
                "currency": terms.currency.value,
            },
        }
        for fee in rules.fees
    ]
