"""POST /graphql. Queries only, one a request, JSON only: a form on another site cannot send it."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from halfpenny import identity
from halfpenny.marketplace.assessments import AssessmentStore, assessment_loader
from halfpenny.marketplace.graphql.execute import Marketplace
from halfpenny.marketplace.graphql.schema import MAX_PAGE
from halfpenny.marketplace.model import Document
from halfpenny.marketplace.recoveries import recovery_loader
from halfpenny.marketplace.store import ListingStore
from halfpenny.platform.clock import business_date
from halfpenny.platform.database import Database
from halfpenny.platform.http import read_json
from halfpenny.primitives.errors import Malformed, Unauthenticated
from halfpenny.underwriting import reviews as decision_reviews

# What the GraphQL over HTTP specification calls its own media type: there, a refused document is a 400.
GRAPHQL_RESPONSE: Final = "application/graphql-response+json"

router = APIRouter(tags=["marketplace"])


class UnsupportedMediaType(Malformed):
    code = "unsupported_media_type"
    message = "Send JSON as application/json."


def marketplace(request: Request) -> Marketplace:
    found: Marketplace = request.app.state.marketplace
    return found


def listings(request: Request) -> ListingStore:
    found: ListingStore = request.app.state.listings
    return found


@router.post("/graphql", dependencies=[identity.ANYONE], summary="Query the marketplace")
async def graphql(
    request: Request,
    principal: identity.MaybeSignedIn,
    people: identity.RunningIdentity,
    marketplace: Annotated[Marketplace, Depends(marketplace)],
    listings: Annotated[ListingStore, Depends(listings)],
) -> Response:
    """``{"query", "variables", "operationName"}``; errors carry their code in ``extensions.code``."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise UnsupportedMediaType()

    async def me() -> Document | None:
        if principal is None:
            return None
        principal.require_permission(identity.Permission.OWN_ACCOUNT)
        person = await identity.me(people, principal)
        return {
            "id": str(person.id),
            "email": person.email,
            "full_name": person.full_name,
            "roles": [person.role.value],
        }

    async def reviews() -> list[Document]:
        if principal is None:
            raise Unauthenticated()
        principal.require_permission(identity.Permission.LOANS_READ_ALL)
        database: Database = request.app.state.database
        async with database.reading() as connection:
            found = await decision_reviews.open_reviews(connection, None, MAX_PAGE)
            today = await business_date(connection)
        return [decision_reviews.review_view(review, today, staff=True) for review in found]

    store: AssessmentStore = request.app.state.assessments

    async def staff_assessment(loan_id: str) -> Document | None:
        if principal is None:
            raise Unauthenticated()
        principal.require_permission(identity.Permission.LOANS_READ_ALL)
        return await assessment_loader(store, "staff").load(loan_id)

    answer = await marketplace.answer(
        read_json(await request.body()),
        listings,
        me,
        recoveries=recovery_loader(lambda: request.app.state.database),
        reviews=reviews,
        assessments=assessment_loader(store, "shared"),
        staff_assessment=staff_assessment,
    )
    wants_own = GRAPHQL_RESPONSE in request.headers.get("accept", "")
    status = 200
    if answer.unavailable:
        status = 503
    elif wants_own and not answer.executed:
        status = 400
    media_type = GRAPHQL_RESPONSE if wants_own else "application/json"
    return Response(answer.body(), status, {"cache-control": "no-store"}, media_type)
