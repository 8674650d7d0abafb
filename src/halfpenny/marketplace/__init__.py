"""The marketplace's read models: listings and assessments in the document store, read through GraphQL and as pages.

The application keeps ``ListingStore`` at ``app.state.listings``, ``AssessmentStore`` at ``app.state.assessments`` and
``Marketplace`` at ``app.state.marketplace``.
"""

from halfpenny.marketplace import labels as loan_labels
from halfpenny.marketplace.applying import router as applying_router
from halfpenny.marketplace.assessments import AssessmentStore
from halfpenny.marketplace.borrowed_loans import router as borrowed_loan_router
from halfpenny.marketplace.borrowing import router as borrowing_router
from halfpenny.marketplace.check import read_model_check
from halfpenny.marketplace.consumers import EVENTS, QUEUE, subscription
from halfpenny.marketplace.graphql import Limits, Marketplace, field_permissions
from halfpenny.marketplace.graphql import router as graphql_router
from halfpenny.marketplace.investing import router as investing_router
from halfpenny.marketplace.labels import property_kinds
from halfpenny.marketplace.model import listing
from halfpenny.marketplace.pages import TEMPLATES
from halfpenny.marketplace.pages import router as page_router
from halfpenny.marketplace.portfolio import router as portfolio_router
from halfpenny.marketplace.projection import CaughtUp, catch_up, rebuild, refresh
from halfpenny.marketplace.store import ListingStore

__all__ = [
    "EVENTS",
    "QUEUE",
    "TEMPLATES",
    "AssessmentStore",
    "CaughtUp",
    "Limits",
    "ListingStore",
    "Marketplace",
    "applying_router",
    "borrowed_loan_router",
    "borrowing_router",
    "catch_up",
    "field_permissions",
    "graphql_router",
    "investing_router",
    "listing",
    "loan_labels",
    "page_router",
    "portfolio_router",
    "property_kinds",
    "read_model_check",
    "rebuild",
    "refresh",
    "subscription",
]
