"""The work of staff as pages: what waits, an act that a second person decides on, the decision on an application."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from halfpenny import approvals, identity, loans, marketplace, underwriting
from halfpenny.approvals import Acts, AppActs, Approval, ApprovalStatus
from halfpenny.backoffice import labels, model
from halfpenny.identity import Permission, Principal, requires
from halfpenny.platform.clock import business_now
from halfpenny.platform.database import Connection, Database
from halfpenny.platform.http import AppDatabase, AppPages, FormFields, PageRenderer
from halfpenny.platform.http.page_forms import RefusedForm, fault_of
from halfpenny.platform.views import amount_view
from halfpenny.primitives.errors import HalfpennyError, Malformed
from halfpenny.primitives.ids import UserId

TEMPLATES: Final = Path(__file__).parent / "templates"
# Rows of a queue on the work page; beyond them the count reads "and more".
SHOWN: Final = 20
_LONGEST_REASON: Final = 5_000
router = APIRouter(include_in_schema=False)


class MalformedDecision(Malformed):
    """A form of a decision in which something is missing or cannot be read."""

    code = "malformed_decision"
    message = "Choose a decision, and give its reason."


@dataclass(frozen=True, slots=True)
class StaffRequest:
    """Who asks for a page of staff, and what it is made from."""

    request: Request
    principal: Principal
    database: Database
    pages: PageRenderer
    acts: Acts

    def render(self, template: str, context: Mapping[str, Any], refused: RefusedForm | None = None) -> Response:
        status = refused.status if refused else 200
        shown = {"labels": labels, **context, **fault_of(refused)}
        return self.pages.render(self.request, template, shown, status=status)


def _staff_request(
    request: Request, principal: identity.SignedIn, database: AppDatabase, pages: AppPages, acts: AppActs
) -> StaffRequest:
    return StaffRequest(request, principal, database, pages, acts)


_Page = Annotated[StaffRequest, Depends(_staff_request)]


@router.get("/staff", dependencies=[requires(Permission.APPROVALS_READ)])
async def work(page: _Page, rules: loans.Rules) -> Response:
    """Every queue that this person may read: how many wait, and the first of them, oldest first."""
    async with page.database.reading() as connection:
        applications = await loans.awaiting_decision(connection, None, SHOWN + 1)
        pending = await approvals.pending(connection, SHOWN + 1)
        reviews = await underwriting.open_reviews(connection, None, SHOWN + 1)
        about = await loans.get_many(connection, [review.loan_id for review in reviews[:SHOWN]])
        names = await _names(connection, page.principal, pending)
    waiting = [
        model.application_awaiting_decision(loan, first, page.principal.user_id, rules)
        for loan, first in applications[:SHOWN]
    ]
    context = {
        "applications": [_application_row(entry) for entry in waiting],
        "approvals": [_approval_row(each, page, names) for each in pending[:SHOWN]],
        "reviews": [
            {"id": str(review.id), "since": review.requested_at.isoformat(), "about": _about(about[review.loan_id])}
            for review in reviews[:SHOWN]
        ],
        "more": {
            "applications": len(applications) > SHOWN,
            "approvals": len(pending) > SHOWN,
            "reviews": len(reviews) > SHOWN,
        },
    }
    return page.render("backoffice/work.html", context)


def _amount(loan: loans.Loan) -> dict[str, str]:
    return amount_view(loan.application.amount_minor, loan.application.currency)


def _about(loan: loans.Loan) -> dict[str, Any]:
    asset = loan.application.property
    return {
        "company": loan.application.borrower.company,
        "kind": asset.kind.value,
        "city": asset.city,
        "amount": _amount(loan),
    }


def _application_row(entry: model.ApplicationAwaitingDecision) -> dict[str, Any]:
    loan = entry.loan
    return {
        "loan_id": str(loan.id),
        "about": _about(loan),
        "since": (loan.submitted_at or loan.created_at).isoformat(),
        "grade": loan.risk.grade if loan.risk else None,
        "next_step": entry.next_step,
    }


def _approval_row(approval: Approval, page: StaffRequest, names: Mapping[UserId, str]) -> dict[str, Any]:
    seen = approvals.approval(approval)
    return seen | {
        "proposer": names.get(approval.proposed_by, seen["proposed_by"]),
        "decider": approval.decided_by and names.get(approval.decided_by, seen["decided_by"]),
        "mine": approval.proposed_by == page.principal.user_id,
    }


async def _names(connection: Connection, principal: Principal, shown: list[Approval]) -> Mapping[UserId, str]:
    """The names of those who proposed and decided, for whoever may read people; the others see ids, as in the API."""
    if not principal.may(Permission.USERS_READ):
        return {}
    people = {person for each in shown for person in (each.proposed_by, each.decided_by) if person is not None}
    return await identity.full_names(connection, sorted(people))


@router.get("/staff/approvals/{approval_id}", dependencies=[requires(Permission.APPROVALS_READ)])
async def approval(approval_id: UUID, page: _Page) -> Response:
    """One proposal: what, on what, by whom, and what has changed since."""
    return await _approval(approval_id, page)


@router.post("/staff/approvals/{approval_id}", dependencies=[requires(Permission.APPROVALS_DECIDE)])
async def decide(approval_id: UUID, page: _Page, fields: FormFields) -> Response:
    """Approve, refuse or withdraw it; the page again where that is refused."""
    reason = fields.get("reason", "").strip()
    try:
        if len(reason) > _LONGEST_REASON or "\x00" in reason:
            raise MalformedDecision()
        async with page.database.unit_of_work() as connection:
            match fields.get("decision"):
                case "approve":
                    await approvals.approve(connection, page.acts, page.principal, approval_id, reason or None)
                case "refuse" if reason:
                    await approvals.refuse(connection, page.acts, page.principal, approval_id, reason)
                case "withdraw":
                    await approvals.withdraw(connection, page.principal, approval_id)
                case _:
                    raise MalformedDecision()
    except HalfpennyError as error:
        return await _approval(approval_id, page, RefusedForm(error, fields))
    return RedirectResponse(page.request.url.path, 303)


async def _approval(approval_id: UUID, page: StaffRequest, refused: RefusedForm | None = None) -> Response:
    async with page.database.reading() as connection:
        standing = await approvals.get(connection, page.acts, approval_id)
        names = await _names(connection, page.principal, [standing.approval])
        now = await business_now(connection)
    found = standing.approval
    act = page.acts.get(found.act)
    waits = found.status is ApprovalStatus.PENDING and now < found.expires_at
    mine = found.proposed_by == page.principal.user_id
    context = {
        "approval": _approval_row(found, page, names),
        "payload": _flat(found.payload),
        "facts": _flat(found.facts),
        "changes": [{"fact": each.fact, "before": each.proposed, "after": each.now} for each in standing.changes],
        "stale": standing.stale,
        "loan": str(found.object_id) if found.subject == "loan" else None,
        "mine": mine,
        "early": waits and now < found.earliest_at,
        "may_decide": waits and not mine and act is not None and page.principal.may(act.approved_with),
        "may_withdraw": waits and mine and page.principal.may(Permission.APPROVALS_DECIDE),
    }
    return page.render("backoffice/approval.html", context, refused)


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Each value by its path (``terms.amount``), in words; an amount's parts stay together."""
    found: list[tuple[str, str]] = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            found.extend(_flat(value, f"{prefix}{name}."))
        elif isinstance(value, list | tuple):
            found.append((f"{prefix}{name}", ", ".join(str(each) for each in value)))
        else:
            found.append((f"{prefix}{name}", "" if value is None else str(value)))
    return found


@router.get("/staff/loans/{loan_id}", dependencies=[requires(Permission.LOANS_READ_ALL)])
async def application(loan_id: UUID, page: _Page, rules: loans.Rules) -> Response:
    """One application: what is asked for, what the model says, and the decision."""
    return await _application(loan_id, page, rules)


@router.post("/staff/loans/{loan_id}", dependencies=[requires(Permission.LOANS_DECIDE)])
async def decide_application(loan_id: UUID, page: _Page, rules: loans.Rules, fields: FormFields) -> Response:
    """Approve or decline the version that was read; the page again where that is refused."""
    try:
        decision = _read_decision(fields)
        async with page.database.unit_of_work() as connection:
            await loans.decide_on(connection, page.principal.user_id, loan_id, decision, rules)
    except HalfpennyError as error:
        return await _application(loan_id, page, rules, RefusedForm(error, fields))
    return RedirectResponse(page.request.url.path, 303)


def _read_decision(fields: Mapping[str, str]) -> loans.Decision:
    """Raises MalformedDecision, or what reading a decision refuses."""
    given: dict[str, Any] = {name: fields.get(name, "") for name in ("decision", "reason_code", "reason")}
    if not fields.get("version", "").isdecimal():
        raise MalformedDecision()
    given["version"] = int(fields["version"])
    if fields.get("annual_rate"):
        given["annual_rate"] = fields["annual_rate"].strip().replace(",", ".")
    try:
        return loans.DecisionRequest.model_validate(given).read()
    except ValidationError as error:
        raise MalformedDecision() from error


async def _application(
    loan_id: UUID, page: StaffRequest, rules: loans.LendingRules, refused: RefusedForm | None = None
) -> Response:
    async with page.database.reading() as connection:
        loan = await loans.get(connection, loan_id)
        first = (await loans.first_approvals(connection, [loan.id])).get(loan.id)
        pending = await approvals.pending_on(connection, [loan.id])
    entry = model.application_awaiting_decision(loan, first, page.principal.user_id, rules)
    waits = loan.status is loans.Status.ASSESSED
    terms = loan.application
    currency = terms.currency
    flags = loan.risk.flags if loan.risk else ()
    context = {
        "kinds": marketplace.property_kinds(),
        "words": marketplace.loan_labels,
        "loan_id": str(loan.id),
        "version": loan.version,
        "status": loan.status.value,
        "about": _about(loan),
        "address": f"{terms.property.address}, {terms.property.city}",
        "term_months": terms.term_months,
        "ltv": f"{loan.ltv_percent:f}",
        "valuation": amount_view(terms.property.valuation_minor, currency),
        "charge_rank": terms.charge_rank,
        "prior_debt": amount_view(terms.prior_debt_minor, currency),
        "income": amount_view(terms.borrower.income_minor, currency),
        "assets": amount_view(terms.borrower.assets_minor, currency),
        "debts": amount_view(terms.borrower.debts_minor, currency),
        "adverse_records": terms.borrower.adverse_records,
        "purpose": terms.purpose.value,
        "exit": terms.exit_strategy.value,
        "interest": terms.interest_mode.value,
        "risk": loan.risk,
        "limits_passed": [found for flag in flags if (found := labels.limit_passed(flag))],
        "flags": labels.flags_in_words(flags),
        "first": first,
        "needs_second": entry.needs_second_person,
        "next_step": entry.next_step if waits else None,
        "may_decide": waits and page.principal.may(Permission.LOANS_DECIDE) and entry.next_step != "another_person",
        "reasons": [(code.value, text.en, text.pl) for code, text in loans.reasons_open_to(loan)],
        "approvals": [_approval_row(each, page, {}) for each in pending],
    }
    return page.render("backoffice/application.html", context, refused)
