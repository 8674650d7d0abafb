"""The pages of risk reporting, for staff: what came true of the models' figures, and the book as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from halfpenny import identity, loans
from halfpenny.identity import Permission, requires
from halfpenny.marketplace import property_kinds
from halfpenny.platform.http import AppDatabase, AppPages
from halfpenny.risk_reporting import labels, views
from halfpenny.risk_reporting.rest import newest, published_method
from halfpenny.risk_reporting.store import RiskReportKind
from halfpenny_monitoring.portfolio import BORROWER_GROUP

router = APIRouter(prefix="/staff/risk", include_in_schema=False)
public_router = APIRouter(include_in_schema=False)
# From which share of the largest loss of the grid a cell is drawn how dark; the figure stands in each.
_SHADES: Final = (0.25, 0.5, 0.75)


@router.get("", dependencies=[requires(Permission.RISK_READ)])
async def monitoring(request: Request, _: identity.SignedIn, database: AppDatabase, pages: AppPages) -> Response:
    """Back-tests, vintages, both models, overrides and drift."""
    async with database.reading() as connection:
        report = await newest(connection, RiskReportKind.MONITORING)
    context = {"labels": labels, "kinds": property_kinds(), "report": report}
    return pages.render(request, "risk_reporting/monitoring.html", context)


@router.get("/portfolio", dependencies=[requires(Permission.RISK_READ)])
async def portfolio(request: Request, _: identity.SignedIn, database: AppDatabase, pages: AppPages) -> Response:
    """Stress, concentration, and the stages of IFRS 9."""
    async with database.reading() as connection:
        report = views.portfolio(await newest(connection, RiskReportKind.PORTFOLIO))
        companies = await _companies(connection, report)
    context = {
        "labels": labels,
        "kinds": property_kinds(),
        "report": report,
        "grid": stress_grid(report["stress"]),
        "companies": companies,
    }
    return pages.render(request, "risk_reporting/portfolio.html", context)


async def _companies(connection: Any, report: Mapping[str, Any]) -> dict[str, str]:
    """The company of the largest loan of each group; names are not in the stored report."""
    [groups] = [each for each in report["concentrations"] if each["kind"] == BORROWER_GROUP]
    wanted = [cluster["loan_id"] for cluster in groups["largest"]]
    found = await loans.get_many(connection, wanted)
    return {str(loan.id): loan.application.borrower.company for loan in found.values()}


def stress_grid(results: list[dict[str, Any]]) -> dict[str, Any]:
    """The shocks as rows of prices and columns of months, each cell with its shade from 0 to 3."""
    shocks = [result for result in results if result["price_change_percent"]]
    worst = max((result["share"] for result in shocks), default=0.0)
    months = sorted({result["extra_months"] for result in shocks})
    rows: dict[int, list[dict[str, Any]]] = {}
    for result in shocks:
        level = result["share"] / worst if worst else 0.0
        cell = result | {"shade": sum(level > limit for limit in _SHADES)}
        rows.setdefault(result["price_change_percent"], []).append(cell)
    return {"months": months, "rows": rows}


@public_router.get("/method", dependencies=[identity.ANYONE])
async def method(request: Request, database: AppDatabase, pages: AppPages) -> Response:
    """How loans are scored and priced, for everybody (Delegated Regulation (EU) 2024/358 art. 1-3, 19, 21)."""
    lending = request.app.state.settings.lending
    async with database.reading() as connection:
        published = await published_method(connection)
    context = {
        "labels": labels,
        "method": published,
        "fees": [(fee.kind, f"{fee.percent:f}") for fee in lending.rules.fees],
    }
    return pages.render(request, "risk_reporting/method.html", context)
