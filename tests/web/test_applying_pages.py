"""The application on pages: each step saved, every bad field named with what was typed, and sent once."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from uuid import UUID, uuid4

import httpx2
import pytest
from fastapi import FastAPI

from halfpenny import loans
from halfpenny.entrypoints.settings import Settings
from halfpenny.identity import Role
from halfpenny.loans import application_forms as forms
from halfpenny.platform.database import Database
from support import lending
from support.people import PASSWORD, Somebody, make_somebody
from support.typed import of_step, typed_application
from support.visitors import browser, hidden, sign_in, words


@dataclass(frozen=True)
class Scene:
    """A borrower, who is signed in and has begun an application."""

    client: httpx2.AsyncClient
    database: Database
    borrower: Somebody
    form_id: UUID

    def path(self, step: int) -> str:
        return f"/borrow/{self.form_id}/apply/{step}"

    async def form(self) -> forms.ApplicationForm:
        async with self.database.reading() as connection:
            return await forms.get_own(connection, self.borrower.user_id, self.form_id)

    async def loans(self) -> list[loans.Loan]:
        async with self.database.reading() as connection:
            return await loans.own_page(connection, self.borrower.user_id, None, 10)

    async def send(self, step: int, language: str = "en", **changes: str) -> httpx2.Response:
        """The step's page is opened, filled in and sent."""
        page = await self.client.get(self.path(step))
        fields = dict(hidden(page)) | (of_step(step, typed_application(**changes)) if step < 4 else {})
        return await self.client.post(self.path(step), data=fields, headers={"accept-language": language})

    async def fill(self, *steps: int, **changes: str) -> None:
        for step in steps:
            assert (await self.send(step, **changes)).headers["location"] == self.path(step + 1)


@pytest.fixture
async def scene(app: FastAPI, settings: Settings, database: Database) -> AsyncIterator[Scene]:
    borrower = await make_somebody(database, Role.BORROWER)
    async with browser(app, settings) as client:
        await sign_in(client, borrower.email)
        begun = await client.post("/borrow/apply")
        found = re.fullmatch(r"/borrow/([0-9a-f-]{36})/apply/1", begun.headers["location"])
        assert found
        yield Scene(client, database, borrower, UUID(found[1]))


async def test_four_steps_become_the_application_that_was_typed(scene: Scene) -> None:
    await scene.fill(1, 2, 3)
    check = await scene.client.get(scene.path(4))
    assert "€300,000.00" in words(check) and "60%" in words(check) and "€480,000.00" in words(check)
    assert "15 Sept 2025" in words(check) and "182.5" in words(check) and "United States" in words(check)
    polish = words(await scene.client.get(scene.path(4), headers={"accept-language": "pl"}))
    assert "300 000,00 €" in polish and "15 wrz 2025" in polish and "182,5" in polish and "-122,3" in polish
    assert await scene.loans() == []
    sent = await scene.send(4)
    (loan,) = await scene.loans()
    assert sent.status_code == 303 and sent.headers["location"] == f"/borrow/{loan.id}"
    assert loan.status is loans.Status.SUBMITTED and loan.application == lending.application()
    # The form has become the loan: it keeps nothing, is listed no more, and leads to the loan.
    form = await scene.form()
    assert form.loan_id == loan.id and form.fields == {}
    assert str(scene.form_id) not in (await scene.client.get("/borrow")).text
    for step in (1, 4):
        assert (await scene.client.get(scene.path(step))).headers["location"] == f"/borrow/{loan.id}"
    late = await scene.client.post(scene.path(2), data={"version": "9", **of_step(2, typed_application(company="X"))})
    assert late.headers["location"] == f"/borrow/{loan.id}" and await scene.loans() == [loan]


async def test_sending_twice_gives_one_application(scene: Scene) -> None:
    await scene.fill(1, 2, 3)
    fields = dict(hidden(await scene.client.get(scene.path(4))))
    answers = await asyncio.gather(*(scene.client.post(scene.path(4), data=fields) for _ in range(4)))
    (loan,) = await scene.loans()
    assert {answer.headers["location"] for answer in answers} == {f"/borrow/{loan.id}"}
    async with scene.database.reading() as connection:
        assert (await lending.events_of(connection, loan.id)).count("loan.submitted") == 1


async def test_beginning_twice_opens_the_same_form_until_something_is_saved(scene: Scene) -> None:
    again = await asyncio.gather(*(scene.client.post("/borrow/apply") for _ in range(3)))
    assert {answer.headers["location"] for answer in again} == {scene.path(1)}
    await scene.fill(1)
    assert (await scene.client.post("/borrow/apply")).headers["location"] != scene.path(1)
    listed = words(await scene.client.get("/borrow"))
    assert "House, Seattle" in listed and listed.count("Not sent yet") == 1


async def test_a_borrower_begins_no_more_than_a_few(scene: Scene) -> None:
    async with scene.database.unit_of_work() as connection:
        for _ in range(19):
            await connection.execute(
                "INSERT INTO application_form SELECT uuidv7(), $1, 2, '{}', NULL, now(), now()", scene.borrower.user_id
            )
    refused = await scene.client.post("/borrow/apply")
    assert refused.status_code == 409 and "begun too many applications" in words(refused)
    async with scene.database.reading() as connection:
        assert len(await forms.unsent(connection, scene.borrower.user_id)) == 20


@pytest.mark.parametrize(
    ("step", "changes", "named"),
    [
        (1, {"city": "", "lat": "52.2", "lon": "21", "area_m2": "-4"}, ["area_m2", "city", "lat"]),
        (1, {"lat": "52,2", "lon": "21"}, ["lat"]),
        (1, {"valuation": "half a million", "valued_on": "31.02.2025"}, ["valuation", "valued_on"]),
        (1, {"gdv": "1,00", "beds": "", "valuer": ""}, ["beds", "valuer", "gdv"]),
        (2, {"income": "1.2.3", "debts": "9 000 000 000"}, ["income", "debts"]),
        (2, {"years_trading": "400", "debts": "9 000 000 000"}, ["years_trading", "debts"]),
        (3, {"amount": "12,00", "term_months": "99", "charge_rank": "2"}, ["amount", "term_months", "prior_debt"]),
        (3, {"purpose": "fun", "interest_mode": ""}, ["interest_mode", "purpose"]),
    ],
)
@pytest.mark.parametrize("language", ["en", "pl"])
async def test_every_bad_field_is_named_at_its_place_and_nothing_is_saved(
    scene: Scene, language: str, step: int, changes: dict[str, str], named: list[str]
) -> None:
    await scene.fill(*range(1, step))
    before = await scene.form()
    refused = await scene.send(step, language, **changes)
    assert refused.status_code == 422
    assert re.findall(r'<li><a href="#(\w+)">', refused.text) == named
    for name in named:
        assert re.search(rf'id="{name}"[^>]*\saria-invalid="true"', refused.text), name
        assert re.search(rf'id="{name}-fault">\s*\S', refused.text), name
        assert re.search(rf'id="{name}"[^>]*aria-describedby="[^"]*{name}-fault', refused.text), name
    # What was typed stands there, the good fields too.
    typed = typed_application(**changes)
    for name in ("company", "amount", "area_m2", "valuation", "income", *changes):
        if name in forms.STEPS[step] and typed[name]:
            assert re.search(
                rf'(value="{re.escape(typed[name])}"[^>]*( selected)?>|>{re.escape(typed[name])}</)', refused.text
            ), name
    assert await scene.form() == before


async def test_the_check_page_names_what_a_later_step_made_wrong_and_sends_nothing(scene: Scene) -> None:
    """Bought four years ago, the price may be left out; bought with this loan, it may not."""
    await scene.fill(1, 2, 3, purchased_on="2020-05-04", purchase_price="", purpose="refinance")
    assert "Send the application" in words(await scene.client.get(scene.path(4)))
    await scene.fill(3, purpose="purchase")
    check = await scene.client.get(scene.path(4))
    assert f'<a href="{scene.path(1)}#purchase_price">' in check.text and "Send the application" not in words(check)
    forced = await scene.client.post(scene.path(4), data=dict(version=str((await scene.form()).version)))
    assert forced.status_code == 422 and f'<a href="{scene.path(1)}#purchase_price">' in forced.text
    assert await scene.loans() == [] and (await scene.form()).loan_id is None
    assert 'id="purchase_price-fault"' in (await scene.client.get(scene.path(1))).text
    await scene.fill(1, purchase_price="480 000")
    assert (await scene.send(4)).status_code == 303 and len(await scene.loans()) == 1


async def test_two_tabs_do_not_overwrite_each_other_unseen(scene: Scene) -> None:
    old = dict(hidden(await scene.client.get(scene.path(1))))
    await scene.fill(1, city="Tacoma")
    typed = old | of_step(1, typed_application(city="Portland"))
    refused = await scene.client.post(scene.path(1), data=typed)
    assert refused.status_code == 409 and "changed in another tab" in words(refused)
    assert 'value="Portland"' in refused.text and (await scene.form()).fields["city"] == "Tacoma"
    # Knowing it, one keeps one's own.
    again = await scene.client.post(scene.path(1), data=typed | dict(hidden(refused)))
    assert again.status_code == 303 and (await scene.form()).fields["city"] == "Portland"


async def test_what_was_changed_after_the_check_page_was_opened_is_not_sent_unread(scene: Scene) -> None:
    await scene.fill(1, 2, 3)
    read = dict(hidden(await scene.client.get(scene.path(4))))
    await scene.fill(3, amount="310 000,00")
    refused = await scene.client.post(scene.path(4), data=read)
    assert refused.status_code == 409 and "Nothing was sent" in words(refused) and "€310,000.00" in words(refused)
    assert await scene.loans() == []


async def test_anothers_application_does_not_exist(scene: Scene, app: FastAPI, settings: Settings) -> None:
    await scene.fill(1)
    before = await scene.form()
    other = await make_somebody(scene.database, Role.BORROWER)
    async with browser(app, settings) as client:
        await sign_in(client, other.email)
        for step in (1, 2, 4):
            assert (await client.get(scene.path(step))).status_code == 404
            fields = {"version": "2", **(of_step(step, typed_application()) if step < 4 else {})}
            assert (await client.post(scene.path(step), data=fields)).status_code == 404
        assert "Seattle" not in (await client.get("/borrow")).text + (await client.get("/borrow/apply")).text
    assert await scene.form() == before


@pytest.mark.parametrize("step", ["0", "5", "01", "x"])
async def test_there_are_four_steps(scene: Scene, step: str) -> None:
    path = f"/borrow/{scene.form_id}/apply/{step}"
    assert (await scene.client.get(path)).status_code == 404
    assert (await scene.client.post(path, data={"version": "1"})).status_code == 404
    assert (await scene.client.get(f"/borrow/{uuid4()}/apply/1")).status_code == 404


async def test_a_step_whose_turn_has_not_come_leads_to_the_open_one(scene: Scene) -> None:
    assert (await scene.client.get(scene.path(3))).headers["location"] == scene.path(1)
    await scene.fill(1)
    assert (await scene.client.get(scene.path(4))).headers["location"] == scene.path(2)
    assert (await scene.client.get(scene.path(1))).status_code == 200


async def test_a_session_that_ends_in_the_middle_of_a_form_loses_nothing(scene: Scene) -> None:
    await scene.fill(1)
    page = await scene.client.get(scene.path(2))
    await scene.client.post("/sign-out")
    typed = dict(hidden(page)) | of_step(2, typed_application(company="Ołówek & Spółka"))
    asked = await scene.client.post(scene.path(2), data=typed)
    assert asked.status_code == 401 and "What you typed is kept" in words(asked)
    fields: Mapping[str, str] = {**hidden(asked), "email": scene.borrower.email, "password": PASSWORD}
    resumed = await scene.client.post("/sign-in", data=fields)
    assert resumed.status_code == 200
    sent = await scene.client.post(scene.path(2), data=dict(hidden(resumed)))
    assert sent.headers["location"] == scene.path(3)
    assert (await scene.form()).fields["company"] == "Ołówek & Spółka"


async def test_a_form_of_another_site_changes_nothing(scene: Scene) -> None:
    before = await scene.form()
    fields = {"version": "1", **of_step(1, typed_application())}
    for path in (scene.path(1), "/borrow/apply"):
        foreign = await scene.client.post(path, data=fields, headers={"origin": "https://evil.example"})
        assert foreign.status_code == 403
    assert await scene.form() == before


async def test_an_amount_is_shown_back_as_it_was_read(scene: Scene) -> None:
    await scene.fill(1, 2)
    refused = await scene.send(3, "pl", amount="1.234.567,8", term_months="99")
    assert "Odczytano: 1 234 567,80 €." in words(refused) and 'value="1.234.567,8"' in refused.text
