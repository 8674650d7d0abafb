"""PostgreSQL killed, hung, full, or its reply to COMMIT lost: nothing acknowledged is lost, nothing happens twice.

Short in CI; ``make chaos`` makes each fault as often as docs/algorithms/funding-desk.md states. Every run prints
its operations, faults, lost, doubled and seed.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chaos.asking import at_the_desk
from chaos.proxy import Proxy
from chaos.tally import Order, Tally, drive, settle, size, verdict
from funding.world import make_world, open_desk
from halfpenny.funding.desk.desk import FundingDesk
from halfpenny.funding.errors import OutcomeUnknown
from halfpenny.platform.database import Database, DatabaseUnavailable
from halfpenny.platform.servers import PostgresServer
from halfpenny.primitives.ids import uuid7

pytestmark = pytest.mark.timeout(3_600)
TARGET_MINOR = 90_000_000


def processes_of(server: PostgresServer) -> list[int]:
    """The postmaster and all of its children."""
    assert server._process is not None
    postmaster = server._process.pid
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    return [postmaster, *map(int, children)]


def kill_all(server: PostgresServer, how: signal.Signals) -> None:
    for pid in processes_of(server):
        try:
            os.kill(pid, how)
        except ProcessLookupError:
            continue


async def test_postgresql_killed_under_load(doomed: PostgresServer) -> None:
    """kill -9 of the postmaster and its children, again and again."""
    tally = Tally(seed=random.randrange(2**32))
    database = await Database.connect(doomed.url, timeout_s=3)
    world = await make_world(database, target_minor=TARGET_MINOR, investors=50, balance_minor=900_000_000)
    dice, stop = random.Random(tally.seed), asyncio.Event()
    async with open_desk(database, attempt_s=2.0, settle_s=4.0, batch_tickets=32) as desk:
        ask = at_the_desk(desk, world)
        load = asyncio.create_task(drive(ask, world, tally, stop, callers=24))
        for _ in range(size(20, 200)):
            await asyncio.sleep(dice.uniform(0.05, 0.4))
            kill_all(doomed, signal.SIGKILL)
            tally.faults += 1
            await asyncio.to_thread(doomed.start)
        stop.set()
        await load
        await settle(ask, tally)
    await verdict(database, world, tally)
    await database.close()


async def test_reply_to_commit_lost(database: Database, database_url: str) -> None:
    """The money has moved, the reply never comes: the desk finds out by itself and gives the original answer."""
    tally = Tally(seed=random.randrange(2**32))
    world = await make_world(database, target_minor=TARGET_MINOR, investors=20, balance_minor=900_000_000)
    wanted = size(50, 1_000)
    async with Proxy(database_url) as proxy:
        through = await Database.connect(proxy.url, timeout_s=3)
        async with open_desk(through, attempt_s=2.0, settle_s=6.0) as desk:
            ask = at_the_desk(desk, world)
            while proxy.lost < wanted:
                proxy.lose_replies = 1
                orders = [Order(world.loan.id, place, 5_000, uuid7().hex) for place in range(4)]
                for order, outcome in zip(orders, await asyncio.gather(*map(ask, orders)), strict=True):
                    tally.operations += 1
                    # The fault is settled inside the time that a caller waits: nobody receives it.
                    assert outcome.status == 201
                    tally.note_outcome(order, outcome)
                    if tally.operations % 5 == 0:
                        tally.note_outcome(order, await ask(order))
            tally.faults = proxy.lost
            await settle(ask, tally)
        await through.close()
    await verdict(database, world, tally)


async def test_outcome_unknown_when_the_database_stays_away_after_commit(database: Database, database_url: str) -> None:
    world = await make_world(database)
    async with Proxy(database_url) as proxy:
        through = await Database.connect(proxy.url, timeout_s=1)
        async with open_desk(through, attempt_s=0.4, settle_s=0.8) as desk:
            await desk.invest(world.ticket(0, 5_000))
            proxy.lose_replies, proxy.refusing = 1, True
            asked = world.ticket(1, 5_000, "key")
            with pytest.raises(OutcomeUnknown):
                await desk.invest(asked)
            proxy.refusing = False
            answer = await desk.invest(world.ticket(1, 5_000, "key"))
            # It had happened, once, and the retry got the answer that was lost.
            async with database.reading() as connection:
                made = await connection.fetch(
                    "SELECT id FROM investment WHERE investor_id = $1 AND idempotency_key = 'key'", asked.investor_id
                )
            assert [row["id"] for row in made] == [answer.investment_id]
        await through.close()


async def test_database_hung_is_503_within_the_time_out_and_recovers(doomed: PostgresServer) -> None:
    tally = Tally(seed=random.randrange(2**32))
    database = await Database.connect(doomed.url, timeout_s=2)
    world = await make_world(database, target_minor=TARGET_MINOR, investors=20, balance_minor=900_000_000)
    async with open_desk(database, attempt_s=1.0, settle_s=2.0, wait_s=2.0) as desk:
        ask = at_the_desk(desk, world)
        for _ in range(size(2, 30)):
            kill_all(doomed, signal.SIGSTOP)
            tally.faults += 1
            started = time.monotonic()
            orders = [Order(world.loan.id, place, 5_000, uuid7().hex) for place in range(20)]
            answers = await asyncio.wait_for(asyncio.gather(*map(ask, orders)), 10)
            waited_s = time.monotonic() - started
            assert {outcome.status for outcome in answers} == {503}
            for order, outcome in zip(orders, answers, strict=True):
                tally.operations += 1
                tally.note_outcome(order, outcome)
            kill_all(doomed, signal.SIGCONT)
            recovered = time.monotonic()
            async with asyncio.timeout(5):
                await settle(ask, tally)
            print(f"answered after {waited_s:.1f} s, recovered in {time.monotonic() - recovered:.1f} s")
    await verdict(database, world, tally)
    await database.close()


async def test_a_crowd_behind_a_hung_database_is_not_kept_for_ever(doomed: PostgresServer) -> None:
    database = await Database.connect(doomed.url, timeout_s=2)
    world = await make_world(database, target_minor=TARGET_MINOR, investors=20, balance_minor=900_000_000)
    async with open_desk(database, attempt_s=0.5, settle_s=30.0, wait_s=1.0, batch_tickets=4) as desk:
        await desk.invest(world.ticket(0, 5_000))
        kill_all(doomed, signal.SIGSTOP)
        first = [desk.submit(world.ticket(place, 5_000)) for place in range(4)]
        await asyncio.sleep(0.1)
        behind = [desk.submit(world.ticket(place, 5_000)) for place in range(20)]
        outcome = await asyncio.wait_for(asyncio.gather(*behind, return_exceptions=True), 8)
        assert all(isinstance(one, DatabaseUnavailable) for one in outcome)
        kill_all(doomed, signal.SIGCONT)
        assert len(await asyncio.wait_for(asyncio.gather(*first), 20)) == 4
    await database.close()


@contextmanager
def small_disk(megabytes: int) -> Iterator[Path]:
    """A folder that is full after so many megabytes."""
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="halfpenny-small-"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0755", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
        folder.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
async def test_disk_full_is_503_reads_survive_and_it_recovers() -> None:
    from halfpenny.platform.migrations import migrate

    tally = Tally(seed=random.randrange(2**32))
    with small_disk(220) as folder:
        settings = {"max_wal_size": "32MB", "min_wal_size": "32MB", "wal_recycle": "off", "shared_buffers": "16MB"}
        server = PostgresServer(folder / "postgres", durable=True, settings=settings)
        server.start()
        try:
            migrate(server.url)
            database = await Database.connect(server.url, timeout_s=3)
            world = await make_world(database, target_minor=TARGET_MINOR, investors=20, balance_minor=900_000_000)
            async with open_desk(database, attempt_s=2.0, settle_s=2.0) as desk:
                await _fill_and_free(database, desk, folder, world, tally)
            await verdict(database, world, tally)
            await database.close()
        finally:
            server.stop()


async def _fill_and_free(database: Database, desk: FundingDesk, folder: Path, world: object, tally: Tally) -> None:
    from funding.world import World

    assert isinstance(world, World)
    ask = at_the_desk(desk, world)
    # Some are acknowledged before: how many fit into the room that is left depends on where the log stands.
    for number in range(5):
        order = Order(world.loan.id, number, 5_000, uuid7().hex)
        tally.operations += 1
        tally.note_outcome(order, await ask(order))
    assert len(tally.acknowledged) == 5
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(b"\0" * 65_536) == 65_536:
                pass
        except OSError:
            pass  # it is full now; the next line leaves a little room, so that it fills under load
        file.truncate(max(0, file.tell() - 300_000))
    refused = 0
    for number in range(3_000):
        order = Order(world.loan.id, number % 20, 5_000, uuid7().hex)
        tally.operations += 1
        outcome = await ask(order)
        tally.note_outcome(order, outcome)
        refused += outcome.unknown
        if refused >= 5:
            break
    assert refused >= 5, "the disk never filled"
    tally.faults += 1
    async with database.reading() as connection:
        assert await connection.fetchval("SELECT count(*) FROM investment") > 0
    ballast.unlink()
    async with asyncio.timeout(30):
        while tally.open:
            await settle(ask, tally)
