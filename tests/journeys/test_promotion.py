"""A model's promotion through whole programs: the command proposes, two people decide, every risk service follows."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from halfpenny.platform.database import Database
from support import lending
from support.people import Somebody, make_somebody
from support.programs import Programs
from support.promotions import NEXT, THIRD, models_folder

PATIENCE_S = 90.0


def propose(programs: Programs, address: str, who: Somebody, model: str) -> subprocess.CompletedProcess[str]:
    """The command, as the person whose token it is given."""
    variables = programs.environment | programs.risk_environment("risk-2")
    variables |= {"HALFPENNY_RISK_PLATFORM_URL": address, "HALFPENNY_RISK_ACCESS_TOKEN": who.token}
    return subprocess.run(
        [sys.executable, "-m", "halfpenny_risk.cli", "propose", model, "--reason", "Better on unseen rows."],
        env=variables,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


@pytest.mark.timeout(600)
async def test_row_16_a_promotion_from_the_command_to_the_next_answer(
    programs: Programs, database: Database, tmp_path: Path
) -> None:
    one, other = [await make_somebody(database, "administrator") for _ in range(2)]
    borrower = await make_somebody(database, "borrower")
    programs.models = models_folder(tmp_path / "models")
    written = programs.command("risk", "promotion-key", str(programs.promotion_key))
    assert written.returncode == 0, written.stderr
    address = await asyncio.to_thread(programs.api)
    programs.worker()
    for name in ("risk-1", "risk-2"):
        programs.risk(name)
    async with httpx2.AsyncClient(base_url=f"{address}/api/v1", timeout=30) as client:

        async def assessed_by() -> set[str]:
            """The champion's name in the answers to three fresh applications."""
            found = set()
            for _ in range(3):
                loan = (await client.post("/loans", json=lending.body(), headers=borrower.headers)).json()
                async with asyncio.timeout(PATIENCE_S):
                    while True:
                        answer = await client.get(f"/loans/{loan['id']}/assessment", headers=one.headers)
                        if answer.status_code == 200:
                            break
                        await asyncio.sleep(0.1)
                found.add(answer.json()["model_version"].partition("-")[0])
            return found

        assert await assessed_by() == {"champion"}
        unjudged = await asyncio.to_thread(propose, programs, address, one, "borrower_scorecard.json")
        assert unjudged.returncode == 2 and "was not judged" in unjudged.stderr
        proposed = await asyncio.to_thread(propose, programs, address, one, NEXT)
        assert proposed.returncode == 0, proposed.stderr
        [waiting] = (await client.get("/approvals", headers=other.headers)).json()["items"]
        assert waiting["id"] in proposed.stdout
        assert await assessed_by() == {"champion"}, "a proposal changes nothing"
        approved = await client.post(f"/approvals/{waiting['id']}/approve", headers=other.headers)
        assert approved.status_code == 200, approved.text
        await follow(programs, 1)
        assert await assessed_by() == {"next"}
        # One of them lost what it kept, and asks; the other reads its file.
        programs.kill("risk-1")
        programs.kill("risk-2")
        programs.promotion_file("risk-1").unlink()
        for name in ("risk-1", "risk-2"):
            programs.risk(name)
        await follow(programs, 1)
        assert await assessed_by() == {"next"}
        again = await asyncio.to_thread(propose, programs, address, one, THIRD)
        assert again.returncode == 0, again.stderr
        # The public method follows without a restart.
        async with asyncio.timeout(PATIENCE_S):
            while True:
                method = (await client.get("/risk/method")).json()
                if method.get("model_version", "").startswith("next-"):
                    break
                await asyncio.sleep(0.1)
    books = programs.command("check", "books")
    assert books.returncode == 0, books.stdout


async def follow(programs: Programs, number: int) -> None:
    """Wait until both services answer by the promotion."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if all([await in_force(programs, name) == number for name in ("risk-1", "risk-2")]):
                return
            await asyncio.sleep(0.1)


async def in_force(programs: Programs, name: str) -> int:
    async with httpx2.AsyncClient(timeout=5) as client:
        try:
            text = (await client.get(f"{programs.risk_address(name)}/metrics")).text
        except httpx2.HTTPError:
            return -1
    lines = dict(line.split() for line in text.splitlines() if line.startswith("risk_promotion "))
    return int(float(lines.get("risk_promotion", "-1")))
