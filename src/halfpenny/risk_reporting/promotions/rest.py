"""REST routes of promotions: ``halfpenny-risk propose`` calls the first."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter
from pydantic import Field, StringConstraints
from starlette.responses import JSONResponse

from halfpenny import approvals, identity
from halfpenny.approvals import AppActs
from halfpenny.identity import Permission, requires
from halfpenny.platform.database import Connection
from halfpenny.platform.http import (
    AnswerWithStatus,
    AppDatabase,
    DateText,
    PageOf,
    PageQuery,
    ProseText,
    RequestModel,
    once,
    page,
)
from halfpenny.risk_reporting.promotions import store
from halfpenny.risk_reporting.promotions.acts import PROMOTE
from halfpenny.risk_reporting.promotions.model import BORROWER_MODEL_ID, ProposedPromotion
from halfpenny.risk_reporting.promotions.views import promotion_view
from halfpenny_messages import MODEL_FILE_PATTERN, SHA256_PATTERN

router = APIRouter(prefix="/risk", tags=["risk"])

_ModelFile = Annotated[str, StringConstraints(pattern=f"^{MODEL_FILE_PATTERN}$")]
_Sha256 = Annotated[str, StringConstraints(pattern=f"^{SHA256_PATTERN}$")]
_Decimal = Annotated[str, StringConstraints(pattern=r"^-?(0|[1-9][0-9]{0,12})(\.[0-9]{1,12})?$", max_length=27)]
_Count = Annotated[int, Field(ge=1, le=1_000_000_000)]


class ModelFileRequest(RequestModel):
    """A file of the models' folder, with the SHA-256 of its bytes."""

    file: _ModelFile
    sha256: _Sha256


class FigureRequest(RequestModel):
    value: _Decimal
    low: _Decimal
    high: _Decimal


class JudgementRequest(RequestModel):
    """What `halfpenny-training judge` found on rows that the candidate had not seen."""

    champion: ModelFileRequest
    judged_on: DateText
    data_sha256: _Sha256
    rows: _Count
    monotone_trials: _Count
    monotone_breaks: Annotated[int, Field(ge=0, le=1_000_000_000)]
    brier: FigureRequest
    brier_difference: FigureRequest
    slope: FigureRequest
    intercept: FigureRequest


class PromotionRequest(RequestModel):
    """The candidate, the present champion, and how the candidate was judged against it."""

    champion: ModelFileRequest
    challenger: ModelFileRequest
    judgement: JudgementRequest
    reason: ProseText


@router.post("/promotions", dependencies=[requires(Permission.MODELS_PROPOSE)], status_code=202)
async def propose(
    body: PromotionRequest, principal: identity.SignedIn, database: AppDatabase, acts: AppActs
) -> JSONResponse:
    """Propose that another borrower model becomes the champion. It takes a second person: 202 with the approval."""
    content = body.model_dump(mode="json", exclude={"reason"})

    async def act(connection: Connection) -> AnswerWithStatus:
        proposed = msgspec.convert(content, ProposedPromotion)
        outcome = await approvals.perform(
            connection, acts, PROMOTE, principal, BORROWER_MODEL_ID, proposed, body.reason
        )
        return approvals.answer(outcome)

    return await once(database, None, 200, act)


@router.get("/promotions", dependencies=[requires(Permission.RISK_READ)], response_model=PageOf)
async def promotions(_: identity.SignedIn, database: AppDatabase, paging: PageQuery) -> dict[str, Any]:
    """The promotions that were approved, newest first: the first one is in force."""
    start = paging.start(int)
    async with database.reading() as connection:
        found = await store.page_of(connection, start[0] if start else None, paging.limit + 1)
    return page(found, paging.limit, lambda promotion: (promotion.number,), promotion_view)
