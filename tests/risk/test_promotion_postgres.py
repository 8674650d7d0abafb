"""Promotions over the queue in PostgreSQL: every instance follows, what is forged, repeated or old changes nothing."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import pytest

from halfpenny.platform.database import Database
from halfpenny.risk_reporting import PromotionKey
from halfpenny_messages import (
    MODEL_PROMOTED,
    PROMOTION_ASKED,
    PROMOTION_RESTATED,
    RISK_PROMOTIONS_EVENTS,
    RISK_PROMOTIONS_QUEUE,
    MeasuredFigure,
    Promotion,
)
from halfpenny_risk.artefacts import ArtefactFolder, sign
from halfpenny_risk.models import load_models
from halfpenny_risk.narrative import TemplateNarrator
from halfpenny_risk.policy import load_policies
from halfpenny_risk.promotion import KeptPromotion, PromotionsKept, promoted_models
from halfpenny_risk.service.assessor import Assessor
from halfpenny_risk.service.metrics import Metrics
from halfpenny_risk.service.postgres import PostgresConsumer
from halfpenny_risk.service.promoting import Promoting
from support.promotions import NEXT, PATIENCE_S, THIRD, kept_in, models_folder, promotion, promotion_key, until


@dataclass
class Instance:
    """One risk service, as ``serve`` puts it together."""

    assessor: Assessor
    promoting: Promoting
    consumer: PostgresConsumer

    @property
    def champion(self) -> str:
        return self.assessor.models.borrower.version.partition("-")[0]


@dataclass
class Fleet:
    """Instances that share the models; each has a file of its own unless ``file`` names a shared one."""

    folder: Path
    key: PromotionKey
    url: str
    scratch: Path

    @asynccontextmanager
    async def instance(
        self, file: str, kept: PromotionsKept | None = None, ask_again_s: float = 10 * PATIENCE_S
    ) -> AsyncIterator[Instance]:
        kept = kept or kept_in(self.scratch, self.key, file)
        in_force = kept.kept()
        pair = [promoted_models(in_force[0], ArtefactFolder.open(self.folder))] if in_force else []
        models = load_models("champion", self.folder, *pair)
        assessor = Assessor(models, load_policies(), TemplateNarrator(), Metrics(), self.folder)
        promoting = Promoting(assessor, kept, self.folder, in_force[0].number if in_force else 0, ask_again_s)
        consumer = PostgresConsumer(self.url, assessor, 1, promoting)
        stop = asyncio.Event()
        task = asyncio.create_task(consumer.run(stop))
        try:
            await until(lambda: consumer.connected)
            yield Instance(assessor, promoting, consumer)
        finally:
            stop.set()
            await asyncio.wait_for(task, PATIENCE_S)

    def signed(self, number: int, champion: str, challenger: str = "borrower_champion.json") -> str:
        return self.key.sign(promotion(self.folder, number, champion, challenger))


@dataclass
class FullDisk(PromotionsKept):
    """Keeps nothing until there is room."""

    full: bool = True

    def keep(self, event_id: UUID, signed: str, number: int) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().keep(event_id, signed, number)


@pytest.fixture
def fleet(database_url: str, tmp_path: Path) -> Fleet:
    return Fleet(models_folder(tmp_path / "models"), promotion_key(tmp_path), database_url, tmp_path)


async def send(database: Database, signed: str, name: str = MODEL_PROMOTED, event_id: UUID | None = None) -> UUID:
    event_id = event_id or uuid4()
    event = {
        "event_id": str(event_id),
        "name": name,
        "version": 1,
        "aggregate_id": str(uuid4()),
        "payload": {"signed": signed},
    }
    async with database.unit_of_work() as connection:
        await connection.execute("SELECT queue_subscribe($1, $2)", RISK_PROMOTIONS_QUEUE, list(RISK_PROMOTIONS_EVENTS))
        await connection.execute("SELECT outbox_append($1::jsonb)", [event])
        await connection.execute("SELECT outbox_fan_out(100)")
    return event_id


async def letters(database: Database) -> list[tuple[UUID, str]]:
    async with database.reading() as connection:
        rows = await connection.fetch("SELECT event_id, reason FROM dead_letter ORDER BY died_at")
    return [(row["event_id"], row["reason"]) for row in rows]


async def settled(database: Database) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            async with database.reading() as connection:
                if not await connection.fetchval(
                    "SELECT count(*) FROM delivery WHERE queue = $1", RISK_PROMOTIONS_QUEUE
                ):
                    return
            await asyncio.sleep(0.02)


async def questions(database: Database, count: int) -> list[dict[str, int]]:
    """What the instances have asked, once they have asked so often."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            async with database.reading() as connection:
                rows = await connection.fetch("SELECT payload FROM outbox WHERE name = $1", PROMOTION_ASKED)
            if len(rows) >= count:
                return [row["payload"] for row in rows]
            await asyncio.sleep(0.02)


async def champion_is(name: str, *instances: Instance) -> None:
    await until(lambda: {each.champion for each in instances} == {name})


@pytest.mark.parametrize("files", [("one.json", "two.json"), ("shared.json", "shared.json")])
async def test_row_16_every_instance_follows_and_still_does_after_a_restart(
    database: Database, fleet: Fleet, files: tuple[str, str]
) -> None:
    async with fleet.instance(files[0]) as one, fleet.instance(files[1]) as two:
        assert (one.champion, two.champion) == ("champion", "champion")
        await send(database, fleet.signed(1, NEXT))
        await champion_is("next", one, two)
        await send(database, fleet.signed(2, THIRD, NEXT))
        await champion_is("third", one, two)
        for each in (one, two):
            assert each.assessor.models.challenger is not None
            assert each.assessor.models.challenger.version.startswith("next-")
            assert each.promoting.number == 2
    async with fleet.instance(files[0]) as one, fleet.instance(files[1]) as two:
        assert (one.champion, two.champion) == ("third", "third")
    assert await letters(database) == []


async def test_row_16_forged_repeated_and_old_promotions_change_nothing(
    database: Database, fleet: Fleet, tmp_path: Path
) -> None:
    another_key = promotion_key(tmp_path / "another")
    first, second = fleet.signed(1, NEXT), fleet.signed(2, THIRD, NEXT)
    async with fleet.instance("one.json") as one, fleet.instance("two.json") as two:
        await send(database, first)
        event_id = await send(database, second)
        await champion_is("third", one, two)
        before = (tmp_path / "one.json").read_bytes(), (tmp_path / "two.json").read_bytes()
        forged = await send(database, another_key.sign(promotion(fleet.folder, 3, NEXT)))
        await settled(database)
        repeated = await send(database, second)
        await settled(database)
        old = await send(database, first)
        await settled(database)
        # Restated to one that asked before the second came: nobody's fault, and no letter.
        await send(database, first, PROMOTION_RESTATED)
        await settled(database)
        unreadable = await send(database, "", "risk.model_promoted")
        await settled(database)
        # The event itself may come again: it is in force, and nothing happens.
        async with database.unit_of_work() as connection:
            await connection.execute(
                "INSERT INTO delivery (queue, event_id, seq) SELECT $1, event_id, seq FROM outbox WHERE event_id = $2",
                RISK_PROMOTIONS_QUEUE,
                event_id,
            )
        await settled(database)
        assert (one.champion, two.champion) == ("third", "third")
        assert before == ((tmp_path / "one.json").read_bytes(), (tmp_path / "two.json").read_bytes())
    assert sorted(await letters(database)) == sorted(
        [
            (forged, "promotion_forged"),
            (repeated, "promotion_replayed"),
            (old, "promotion_stale"),
            (unreadable, "promotion_forged"),
        ]
    )


async def test_row_16_a_model_that_is_not_there_is_named_and_taken_once_it_is(database: Database, fleet: Fleet) -> None:
    signed = fleet.signed(1, NEXT)
    away = fleet.folder / NEXT
    content = away.read_bytes()
    away.write_bytes(content + b" ")
    sign(fleet.folder)
    async with fleet.instance("one.json") as one:
        event_id = await send(database, signed)
        await settled(database)
        assert await letters(database) == [(event_id, "promoted_model_missing")]
        assert one.champion == "champion"
        away.write_bytes(content)
        sign(fleet.folder)
        async with database.unit_of_work() as connection:
            assert await connection.fetchval("SELECT queue_replay($1, $2)", RISK_PROMOTIONS_QUEUE, event_id)
        await champion_is("next", one)


def made_up(fleet: Fleet) -> dict[str, Promotion]:
    """Approved by two people, on figures that nobody found."""
    true = promotion(fleet.folder, 1, NEXT)
    figure = MeasuredFigure(value="-0.1", low="-0.2", high="-0.05")
    never = promotion(fleet.folder, 1, "borrower_scorecard.json")
    replace = msgspec.structs.replace
    return {
        "another difference": replace(true, judgement=replace(true.judgement, brier_difference=figure)),
        "another calibration": replace(true, judgement=replace(true.judgement, slope=figure)),
        "more rows": replace(true, judgement=replace(true.judgement, rows=1_000_000)),
        "another day": replace(true, judgement=replace(true.judgement, judged_on=date(2026, 11, 25))),
        "judged against another": promotion(fleet.folder, 1, THIRD),
        "never judged": never,
    }


@pytest.mark.parametrize("kind", ["another difference", "another calibration", "more rows", "another day",
                                  "judged against another", "never judged"])  # fmt: skip
async def test_row_16_figures_that_nobody_found_promote_nothing(
    database: Database, fleet: Fleet, tmp_path: Path, kind: str
) -> None:
    async with fleet.instance("one.json") as one:
        event_id = await send(database, fleet.key.sign(made_up(fleet)[kind]))
        await settled(database)
        assert await letters(database) == [(event_id, "promotion_unjudged")]
        assert (one.champion, one.promoting.number) == ("champion", 0)
        assert not (tmp_path / "one.json").exists()
        # What was judged as it was approved is still promoted.
        await send(database, fleet.signed(1, NEXT))
        await champion_is("next", one)


async def test_row_16_an_instance_without_a_file_asks_and_follows_what_is_restated(
    database: Database, fleet: Fleet
) -> None:
    async with fleet.instance("one.json") as one:
        await send(database, fleet.signed(1, NEXT))
        await champion_is("next", one)
        async with fleet.instance("fresh.json") as fresh:
            assert fresh.champion == "champion"
            assert await questions(database, 2) == [{"number": 0}, {"number": 0}]
            await send(database, fleet.signed(1, NEXT), PROMOTION_RESTATED)
            await champion_is("next", one, fresh)
    assert await letters(database) == []


async def notify(database: Database, signed: str) -> None:
    """What another instance sends once it has taken the promotion."""
    notice = msgspec.json.encode(KeptPromotion(uuid4(), signed)).decode()
    async with database.unit_of_work() as connection:
        await connection.execute("SELECT pg_notify('risk_promotion', $1)", notice)


async def test_a_notice_that_cannot_be_kept_is_asked_for_again_and_the_next_is_received(
    database: Database, fleet: Fleet, tmp_path: Path
) -> None:
    kept = kept_in(tmp_path, fleet.key, "one.json")
    full = FullDisk(kept.path, kept.verifier)
    async with fleet.instance("one.json", full) as one:
        await questions(database, 1)
        await notify(database, fleet.signed(1, NEXT))
        assert await questions(database, 2) == [{"number": 0}, {"number": 0}]
        assert one.champion == "champion" and kept.kept() is None
        # Neither does a notice that nobody could read end the receiving.
        await notify(database, "")
        full.full = False
        await notify(database, fleet.signed(2, THIRD, NEXT))
        await champion_is("third", one)
        # Asked once for what failed, not for each failure: the rest is the timer's.
        assert len(await questions(database, 2)) == 2
    assert await letters(database) == []


async def test_an_instance_asks_again_on_a_timer_and_follows_what_it_missed(database: Database, fleet: Fleet) -> None:
    async with fleet.instance("one.json", ask_again_s=0.05) as one:
        assert {asked["number"] for asked in await questions(database, 3)} == {0}
        await send(database, fleet.signed(1, NEXT), PROMOTION_RESTATED)
        await champion_is("next", one)
        async with asyncio.timeout(PATIENCE_S):
            while True:
                if {"number": 1} in await questions(database, 3):
                    break
                await asyncio.sleep(0.02)


async def test_what_is_restated_where_the_model_is_not_yet_is_no_letter_and_followed_later(
    database: Database, fleet: Fleet
) -> None:
    """It is asked for again and again until the model is there: a letter each time would be noise."""
    away, signed = fleet.folder / NEXT, fleet.signed(1, NEXT)
    content = away.read_bytes()
    away.write_bytes(content + b" ")
    sign(fleet.folder)
    async with fleet.instance("one.json") as one:
        for _ in range(2):
            await send(database, signed, PROMOTION_RESTATED)
            await settled(database)
        assert one.champion == "champion"
        away.write_bytes(content)
        sign(fleet.folder)
        await send(database, signed, PROMOTION_RESTATED)
        await champion_is("next", one)
    assert await letters(database) == []


async def test_a_question_that_cannot_be_written_leaves_nothing_running_and_is_asked_again(
    database: Database, superuser: Database, fleet: Fleet
) -> None:
    append = "FUNCTION outbox_append(jsonb)"
    running = len(asyncio.all_tasks())
    async with superuser.unit_of_work() as connection:
        await connection.execute(f"REVOKE EXECUTE ON {append} FROM halfpenny_app, PUBLIC")
    async with fleet.instance("one.json", ask_again_s=0.05) as one:
        await asyncio.sleep(0.5)
        assert one.consumer.connected, "an application could be claimed all the while"
        async with superuser.unit_of_work() as connection:
            await connection.execute(f"GRANT EXECUTE ON {append} TO halfpenny_app")
        await questions(database, 1)
    await until(lambda: len(asyncio.all_tasks()) == running)
