"""The assessments in the document store: one document for each loan that goes by an answer."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from strawberry.dataloader import DataLoader

from halfpenny import underwriting
from halfpenny.marketplace.assessments.model import SHAPE, assessment_document
from halfpenny.marketplace.model import Document
from halfpenny.marketplace.read_model import DocumentSource, ReadModelStore
from halfpenny.platform.database import Connection
from halfpenny.platform.documents import DocumentStore

ASSESSMENTS = "assessments"


async def _make(connection: Connection, loan_ids: Sequence[UUID]) -> list[Document]:
    return [assessment_document(current) for current in await underwriting.current_answers(connection, loan_ids)]


class AssessmentStore(ReadModelStore):
    """All queries of assessments. Every method raises Unavailable `documents_unavailable`."""

    def __init__(self, documents: DocumentStore) -> None:
        super().__init__(documents, ASSESSMENTS, DocumentSource(underwriting.current_page, _make, SHAPE))


def assessment_loader(store: AssessmentStore, part: str) -> DataLoader[str, Document | None]:
    """Loads one part, ``shared`` or ``staff``, of the assessments of all loans of a request by one read."""

    async def load(loan_ids: list[str]) -> list[Document | None]:
        found = await store.find(loan_ids, {part: 1})
        return [found[loan_id][part] if loan_id in found else None for loan_id in loan_ids]

    return DataLoader(load)


def no_assessments() -> DataLoader[str, Document | None]:
    """For requests without a document store."""

    async def load(loan_ids: list[str]) -> list[Document | None]:
        return [None for _ in loan_ids]

    return DataLoader(load)
