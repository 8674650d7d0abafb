"""Whole programs on real servers, once over PostgreSQL's own queue and once over RabbitMQ."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from halfpenny.platform.documents import DocumentStore
from halfpenny.platform.servers import DocumentServer
from support.programs import Programs


@pytest.fixture(params=["postgresql", "rabbitmq"])
def programs(
    request: pytest.FixtureRequest,
    database_url: str,
    documents: DocumentStore,
    document_server: DocumentServer,
    tmp_path: Path,
) -> Iterator[Programs]:
    amqp_url = request.getfixturevalue("broker_url") if request.param == "rabbitmq" else ""
    running = Programs(tmp_path, database_url, document_server.url, documents.database.name, amqp_url)
    yield running
    running.end()
