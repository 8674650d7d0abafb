"""The listings of each test, in a document database of its own."""

from __future__ import annotations

import pytest

from halfpenny.marketplace import ListingStore
from halfpenny.platform.documents import DocumentStore


@pytest.fixture
def listings(documents: DocumentStore) -> ListingStore:
    return ListingStore(documents)
