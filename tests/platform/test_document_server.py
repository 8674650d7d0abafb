"""The launcher of the document store, and what the store's loss looks like to a caller."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from halfpenny.platform.documents import DocumentStore, DocumentsUnavailable, documents_answer
from halfpenny.platform.servers import DocumentServer, free_port


@pytest.fixture
def folder(server_folder: Path, request: pytest.FixtureRequest) -> Path:
    return server_folder / request.node.name


async def test_documents_survive_a_restart(folder: Path) -> None:
    server = DocumentServer(folder)
    server.start()
    try:
        store = await DocumentStore.connect(server.url, "kept")
        await store.collection("listings").insert_one({"_id": 1, "city": "Łódź"})
        await store.close()
        server.stop()
        assert not server.running
        server.start()
        store = await DocumentStore.connect(server.url, "kept")
        assert await store.collection("listings").find_one({"_id": 1}) == {"_id": 1, "city": "Łódź"}
        await store.close()
    finally:
        server.stop()


async def test_a_damaged_folder_is_emptied_and_the_store_starts(folder: Path) -> None:
    server = DocumentServer(folder)
    server.start()
    server.stop()
    for file in (folder / "data").glob("WiredTiger*"):
        file.write_bytes(b"rubbish")
    server.start()
    store = await DocumentStore.connect(server.url, "fresh")
    try:
        assert await store.healthy()
        assert await store.database.list_collection_names() == []
    finally:
        await store.close()
        server.stop()


async def test_a_missing_store_is_unavailable_and_not_an_accident() -> None:
    store = await DocumentStore.connect(f"mongodb://127.0.0.1:{free_port()}/", "none", timeout_s=0.2)
    try:
        assert not await store.healthy()
        with pytest.raises(DocumentsUnavailable), documents_answer():
            await store.collection("listings").find_one()
    finally:
        await store.close()


async def test_a_killed_store_is_unavailable_until_it_is_back(folder: Path) -> None:
    server = DocumentServer(folder)
    server.start()
    store = await DocumentStore.connect(server.url, "listings", timeout_s=1)
    try:
        assert await store.healthy()
        assert server._process is not None
        server._process.send_signal(signal.SIGKILL)
        server._process.wait()
        with pytest.raises(DocumentsUnavailable), documents_answer():
            await store.collection("listings").find_one()
    finally:
        await store.close()
        server.stop()


async def test_each_test_has_its_own_documents(documents: DocumentStore) -> None:
    assert await documents.database.list_collection_names() == []
    await documents.collection("listings").insert_one({"_id": 1})
    assert await documents.collection("listings").count_documents({}) == 1
