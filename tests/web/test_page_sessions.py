"""Sessions of pages: the cookie, how it ends, what it never does, and how people get in."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import msgspec
import pytest
from fastapi import FastAPI

from halfpenny.entrypoints.api import create_app
from halfpenny.entrypoints.permissions import routes
from halfpenny.entrypoints.settings import ServerSettings, Settings, SignInSettings, WrongSettings
from halfpenny.identity import ROLE_PERMISSIONS, Role
from halfpenny.identity.pages import local_path
from halfpenny.platform.database import Database
from halfpenny.primitives.ids import uuid7
from support.people import PASSWORD, make_somebody
from support.visitors import COOKIE, ORIGIN, browser, hidden, sign_in, words

CLOSED = "/staff/queues/reviews"


@pytest.fixture
async def visitor(app: FastAPI, settings: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    async with browser(app, settings) as client:
        yield client


def page_routes(app: FastAPI) -> list[tuple[str, str, frozenset[str]]]:
    """(method, path with made-up ids, permissions) of every page."""
    found = []
    for name, asked in routes(app.routes):
        method, path = name.split()
        if asked is None or path.startswith(("/api/", "/graphql", "/ws", "/livez", "/readyz", "/metrics")):
            continue
        found.append((method, re.sub(r"{\w+}", str(uuid7()), path), asked))
    return found


async def sessions(database: Database) -> list[tuple[str | None, bool]]:
    async with database.reading() as connection:
        found = await connection.fetch(
            "SELECT ended_because, page_secret_hash IS NOT NULL AS pages FROM session ORDER BY id"
        )
    return [(row["ended_because"], row["pages"]) for row in found]


async def test_the_cookie_is_for_pages_of_this_host_alone(visitor: httpx2.AsyncClient, database: Database) -> None:
    ida = await make_somebody(database, full_name="Ida Nowak")
    answer = await sign_in(visitor, ida.email)
    assert answer.status_code == 303
    cookie = SimpleCookie(answer.headers["set-cookie"])[COOKIE]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "lax", "/")
    assert cookie["domain"] == "" and cookie["secure"] == ""  # over plain http, on the machine itself
    page = await visitor.get("/register")
    assert "Ida Nowak" in words(page) and "Investor" in words(page)
    assert page.headers["cache-control"] == "no-store"
    # Of the secret the database has only the hash.
    async with database.reading() as connection:
        row = await connection.fetchrow("SELECT * FROM session WHERE page_secret_hash IS NOT NULL")
    assert row is not None and cookie.value.encode() not in row["page_secret_hash"]


async def test_over_tls_the_cookie_has_the_host_prefix(settings: Settings, database: Database) -> None:
    ida = await make_somebody(database)
    secure = settings.model_copy(update={"server": ServerSettings(public_url="https://localhost")})
    app = create_app(secure)
    async with app.router.lifespan_context(app):
        async with browser(app, secure, origin="https://localhost") as client:
            answer = await sign_in(client, ida.email)
            assert answer.headers["set-cookie"].startswith("__Host-halfpenny_session=")
            assert "; Secure" in answer.headers["set-cookie"] and "Domain" not in answer.headers["set-cookie"]
            secret = answer.headers["set-cookie"].partition("=")[2].partition(";")[0]
            client.cookies.clear()
            for name, signed_in in (("halfpenny_session", False), ("__Host-halfpenny_session", True)):
                page = await client.get("/register", headers={"cookie": f"{name}={secret}"})
                assert ("Ada Winterbourne" in page.text) is signed_in
        async with browser(app, secure, origin="http://localhost") as client:
            assert (await sign_in(client, ida.email)).status_code == 403, "the scheme is part of an origin"


async def test_a_secret_that_was_planted_is_never_anybodys_session(
    visitor: httpx2.AsyncClient, database: Database
) -> None:
    """Session fixation: what a browser brings along is never what it is given."""
    ida = await make_somebody(database)
    planted = "planted-by-somebody-else-0123456789abcdefghi"
    visitor.cookies.set(COOKIE, planted, domain="localhost.local", path="/")
    answer = await visitor.post(
        "/sign-in", data={"email": ida.email, "password": PASSWORD}, headers={"cookie": f"{COOKIE}={planted}"}
    )
    assert answer.status_code == 303 and planted not in answer.headers["set-cookie"]
    visitor.cookies.clear()
    page = await visitor.get(CLOSED, headers={"cookie": f"{COOKIE}={planted}"})
    assert page.status_code == 303 and page.headers["location"].startswith("/sign-in")


async def test_signing_in_again_gives_a_new_secret_and_ends_the_session_before(
    visitor: httpx2.AsyncClient, database: Database
) -> None:
    ida, otto = await make_somebody(database), await make_somebody(database, full_name="Otto Baran")
    first = (await sign_in(visitor, ida.email)).cookies[COOKIE]
    second = (await sign_in(visitor, otto.email)).cookies[COOKIE]
    assert first != second
    assert [ended for ended, pages in await sessions(database) if pages] == ["signed in again", None]
    visitor.cookies.clear()
    for secret, name in ((first, "Sign in"), (second, "Otto Baran")):
        page = await visitor.get("/register", headers={"cookie": f"{COOKIE}={secret}"})
        assert name in words(page).partition("Open an account")[0]


async def test_signing_out_ends_the_session_wherever_its_cookie_was_copied_to(
    visitor: httpx2.AsyncClient, database: Database
) -> None:
    ada = await make_somebody(database, Role.ADMINISTRATOR)
    secret = (await sign_in(visitor, ada.email)).cookies[COOKIE]
    assert (await visitor.get(CLOSED)).status_code == 200
    answer = await visitor.post("/sign-out")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert answer.headers["clear-site-data"] == '"cache"'
    assert COOKIE not in visitor.cookies
    page = await visitor.get(CLOSED, headers={"cookie": f"{COOKIE}={secret}"})
    assert page.status_code == 303
    assert (await visitor.post("/sign-out")).status_code == 303  # once more changes nothing


@pytest.mark.parametrize(
    "end",
    [
        "UPDATE session SET seen_at = now() - interval '30 minutes 1 second' WHERE seen_at IS NOT NULL",
        "UPDATE session SET expires_at = now() - interval '1 second' WHERE seen_at IS NOT NULL",
        "UPDATE session SET ended_at = now(), ended_because = 'role changed'",
        "UPDATE app_user SET disabled_at = now()",
    ],
)
async def test_a_session_that_ended_is_over_at_the_next_page(
    visitor: httpx2.AsyncClient, database: Database, end: str
) -> None:
    ada = await make_somebody(database, Role.ADMINISTRATOR)
    await sign_in(visitor, ada.email)
    assert (await visitor.get(CLOSED)).status_code == 200
    async with database.unit_of_work() as connection:
        await connection.execute(end)
    assert (await visitor.get(CLOSED)).status_code == 303


async def test_a_session_that_is_used_does_not_idle_and_still_ends_in_the_end(
    visitor: httpx2.AsyncClient, database: Database
) -> None:
    ada = await make_somebody(database, Role.ADMINISTRATOR)
    await sign_in(visitor, ada.email)
    async with database.unit_of_work() as connection:
        await connection.execute("UPDATE session SET seen_at = now() - interval '29 minutes' WHERE seen_at IS NOT NULL")
    assert (await visitor.get(CLOSED)).status_code == 200
    async with database.reading() as connection:
        row = await connection.fetchrow(
            "SELECT now() - seen_at AS idle, expires_at - created_at AS life FROM session WHERE seen_at IS NOT NULL"
        )
    assert row is not None and row["idle"] < timedelta(minutes=1) and row["life"] == timedelta(hours=12)


FORGED = {
    "another site, by the browser's word": {"sec-fetch-site": "cross-site", "origin": ORIGIN},
    "a neighbour": {"sec-fetch-site": "same-site", "origin": ORIGIN},
    "another origin": {"origin": "http://evil.example"},
    "another origin that begins as ours": {"origin": "http://localhost.evil.example"},
    "another port": {"origin": "http://localhost:8001"},
    "another scheme": {"origin": "https://localhost"},
    "a page without an origin": {"origin": "null"},
    "nothing that proves it": {},
    "a browser that contradicts itself": {"sec-fetch-site": "same-origin", "origin": "http://localhost:8001"},
}


@pytest.mark.parametrize("forgery", FORGED)
async def test_a_form_of_another_site_is_refused_on_every_page(
    app: FastAPI, settings: Settings, database: Database, forgery: str
) -> None:
    """With a cookie and without: forging a sign-in is forgery too. What may do it is refused before it is looked at."""
    unsafe = [(method, path) for method, path, _ in page_routes(app) if method not in ("GET", "HEAD")]
    assert len(unsafe) >= 4
    for role in (None, Role.ADMINISTRATOR, Role.BORROWER):
        async with browser(app, settings, origin="") as client:
            if role is not None:
                somebody = await make_somebody(database, role)
                answer = await client.post(
                    "/sign-in", data={"email": somebody.email, "password": PASSWORD}, headers={"origin": ORIGIN}
                )
                assert answer.status_code == 303
            before = await sessions(database)
            for method, path in unsafe:
                refused = await client.request(method, path, data={}, headers=FORGED[forgery])
                assert refused.status_code == 403 and "cross_site" in refused.text, (method, path, refused.text)
            assert await sessions(database) == before


async def test_a_forms_own_page_proves_itself_in_either_way(
    app: FastAPI, settings: Settings, database: Database
) -> None:
    ida = await make_somebody(database)
    for headers in (
        {"origin": ORIGIN},
        {"sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "same-origin", "origin": "null"},
        {"sec-fetch-site": "none"},
    ):
        async with browser(app, settings, origin="") as client:
            answer = await client.post("/sign-in", data={"email": ida.email, "password": PASSWORD}, headers=headers)
            assert answer.status_code == 303, headers


async def test_the_cookie_changes_nothing_under_api_and_is_nobody_in_graphql(
    app: FastAPI, visitor: httpx2.AsyncClient, database: Database
) -> None:
    ida = await make_somebody(database)
    await sign_in(visitor, ida.email)
    for name, asked in routes(app.routes):
        method, path = name.split()
        if path.startswith("/api/") and method in ("POST", "PUT") and asked:
            answer = await visitor.request(
                method,
                re.sub(r"{\w+}", str(uuid7()), path.replace("{currency}", "EUR")),
                json={"amount": "1.00"},
                headers={"idempotency-key": str(uuid7()), "sec-fetch-site": "same-origin"},
            )
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), name
    answer = await visitor.post("/graphql", json={"query": "{ me { email } }"})
    assert ida.email not in answer.text and "UNAUTHENTICATED" in answer.text
    # Reading is what links on pages do: letters, statements.
    assert (await visitor.get("/api/v1/me")).json()["email"] == ida.email
    await visitor.post("/sign-out")
    assert (await visitor.get("/api/v1/me")).status_code == 401


ELSEWHERE = [
    "https://evil.example/",
    "//evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/a\\b",
    "http:evil.example",
    "javascript:alert(1)",
    "/\t/evil.example",
    "/\r\nset-cookie:x=1",
    " //evil.example",
    "evil.example",
    "/sign-out",
    "/api/v1/auth/logout",
    "/" + "x" * 2_000,
    "/żółw",
    "",
]


@pytest.mark.parametrize("goal", ELSEWHERE)
async def test_signing_in_leads_to_no_place_but_our_own_pages(
    visitor: httpx2.AsyncClient, database: Database, goal: str
) -> None:
    assert local_path(goal) is None
    ida = await make_somebody(database)
    form = await visitor.get("/sign-in", params={"next": goal})
    assert form.status_code == 200 and hidden(form) == {}
    answer = await sign_in(visitor, ida.email, next=goal)
    landed = answer.headers["location"]
    assert answer.status_code == 303 and landed.startswith("/") and landed not in (goal, "/sign-out")
    again = await visitor.get("/sign-in", params={"next": goal})
    assert again.headers["location"] == landed


@pytest.mark.parametrize("goal", ["/", "/loans/1?x=%2F%2Fevil.example", "/wallet?after=a&lang=pl"])
async def test_signing_in_leads_back_to_the_page_that_was_asked_for(
    visitor: httpx2.AsyncClient, database: Database, goal: str
) -> None:
    ida = await make_somebody(database)
    form = await visitor.get("/sign-in", params={"next": goal})
    assert hidden(form) == {"next": goal}
    assert (await sign_in(visitor, ida.email, **hidden(form))).headers["location"] == goal


async def test_known_and_unknown_accounts_are_refused_in_the_same_words(
    visitor: httpx2.AsyncClient, database: Database
) -> None:
    ida = await make_somebody(database, email="known@example.com")
    async with database.unit_of_work() as connection:
        await connection.execute("UPDATE app_user SET disabled_at = now() WHERE id = $1", ida.user_id)
    await make_somebody(database, email="other@example.com")
    seen = set()
    for email, password in (
        ("other@example.com", "wrong password, quite"),
        ("known@example.com", PASSWORD),
        ("nobody@example.com", PASSWORD),
        ("no address", PASSWORD),
        ("other@example.com", ""),
        ("other@example.com", "x" * 1_025),
    ):
        answer = await sign_in(visitor, email, password)
        assert (answer.status_code, COOKIE in answer.cookies) == (401, False)
        seen.add(answer.text.replace(email, "EMAIL"))
    assert len(seen) == 1
    assert "The e-mail address or the password is wrong." in seen.pop()
    assert [pages for _, pages in await sessions(database) if pages] == []


async def test_guessing_on_the_page_counts_with_guessing_anywhere_else(
    visitor: httpx2.AsyncClient, client: httpx2.AsyncClient, database: Database
) -> None:
    ida = await make_somebody(database)
    for number in range(10):
        if number % 2:
            assert (await sign_in(visitor, ida.email, "a wrong password")).status_code == 401
        else:
            body = {"email": ida.email, "password": "a wrong password"}
            assert (await client.post("/api/v1/auth/login", json=body)).status_code == 401
    answer = await sign_in(visitor, ida.email)
    assert answer.status_code == 429 and int(answer.headers["retry-after"]) > 0
    assert "Too many attempts" in words(answer) and f'value="{ida.email}"' in answer.text


async def test_a_closed_page_leads_to_the_sign_in_and_back(visitor: httpx2.AsyncClient, database: Database) -> None:
    ada = await make_somebody(database, Role.ADMINISTRATOR)
    page = await visitor.get(f"{CLOSED}?after={uuid7()}&lang=en")
    assert page.status_code == 303
    goal = parse_qs(urlsplit(page.headers["location"]).query)["next"][0]
    assert goal.startswith(f"{CLOSED}?after=")
    form = await visitor.get(page.headers["location"])
    landed = await sign_in(visitor, ada.email, **hidden(form))
    assert landed.headers["location"] == goal
    assert (await visitor.get(goal)).status_code == 200


async def test_every_page_is_open_or_closed_as_it_declares(
    app: FastAPI, settings: Settings, database: Database
) -> None:
    """Signed out: to the sign-in. Without the permission: 403, with its name and who has it. Never an error of ours."""
    reading = [(path, asked) for method, path, asked in page_routes(app) if method == "GET"]
    assert len(reading) >= 9
    async with browser(app, settings) as client:
        for path, asked in reading:
            answer = await client.get(path)
            assert (answer.status_code == 303) is bool(asked), (path, answer.status_code)
    for role in Role:
        somebody = await make_somebody(database, role)
        async with browser(app, settings) as client:
            await sign_in(client, somebody.email)
            for path, asked in reading:
                answer = await client.get(path)
                allowed = not asked or bool(asked & ROLE_PERMISSIONS[role])
                if allowed:
                    assert answer.status_code in (200, 303, 404, 409), (role, path, answer.status_code, answer.text)
                else:
                    assert answer.status_code in (403, 404), (role, path, answer.status_code)
                    if answer.status_code == 403:
                        assert all(f"<code>{each}</code>" in answer.text for each in asked)


async def test_a_form_that_outlived_its_session_is_kept_and_sent_when_its_owner_says_so(
    app: FastAPI, settings: Settings, visitor: httpx2.AsyncClient, database: Database
) -> None:
    bruno = await make_somebody(database, Role.BORROWER)
    await sign_in(visitor, bruno.email)
    async with database.unit_of_work() as connection:
        await connection.execute("UPDATE session SET expires_at = now() WHERE seen_at IS NOT NULL")
    path, typed = f"/borrow/{uuid7()}/review", {"statement": "The roof & cellar\nare <new>.", "next": "kept as well"}
    late = await visitor.post(path, data=typed)
    assert late.status_code == 401 and "What you typed is kept" in words(late)
    assert hidden(late) == {"next": path, **{f"kept:{name}": value for name, value in typed.items()}}
    assert "<a " not in late.text.partition("<main")[2].partition("</main")[0], "no link leads away from the form"
    # A wrong password on the way loses nothing either.
    wrong = await sign_in(visitor, bruno.email, "not the password", **hidden(late))
    assert wrong.status_code == 401 and hidden(wrong) == hidden(late)
    resumed = await sign_in(visitor, bruno.email, **hidden(wrong))
    assert resumed.status_code == 200 and COOKIE in resumed.cookies
    assert hidden(resumed) == typed and f'action="{path}"' in resumed.text
    # The form arrives where it was meant for: that loan is not there, which only its own route can know.
    assert (await visitor.post(path, data=dict(hidden(resumed)))).status_code == 404


@pytest.mark.parametrize("goal", ["https://evil.example/", "//evil.example/", "/api/v1/loans"])
async def test_a_kept_form_is_sent_to_no_place_but_our_own_pages(
    visitor: httpx2.AsyncClient, database: Database, goal: str
) -> None:
    ida = await make_somebody(database)
    answer = await sign_in(visitor, ida.email, next=goal, **{"kept:amount": "1.00"})
    assert answer.status_code == 303 and answer.headers["location"].startswith("/")


async def test_an_account_is_opened_on_the_page_and_known_addresses_are_answered_alike(
    visitor: httpx2.AsyncClient, database: Database
) -> None:
    await make_somebody(database, email="known@example.com", full_name="Known Before")
    form = {"full_name": "Nadia Nowa", "password": PASSWORD, "role": "borrower", "next": "/method"}
    emails = ("new@example.com", "known@example.com")
    answers = [await visitor.post("/register", data=form | {"email": email}) for email in emails]
    assert {(answer.status_code, answer.headers["location"]) for answer in answers} == {
        (303, "/sign-in?registered=yes&next=%2Fmethod")
    }
    thanks = await visitor.get(answers[0].headers["location"])
    assert "Thank you." in words(thanks)
    assert (await sign_in(visitor, "new@example.com", **hidden(thanks))).headers["location"] == "/method"
    async with database.reading() as connection:
        found = await connection.fetch("SELECT full_name, role FROM app_user WHERE email = ANY($1)", list(emails))
    people = {(row["full_name"], row["role"]) for row in found}
    assert people == {("Known Before", "investor"), ("Nadia Nowa", "borrower")}


@pytest.mark.parametrize(
    ("changed", "status", "words_shown", "field"),
    [
        ({"email": "no address"}, 422, "This is not an e-mail address.", "email"),
        ({"password": "14 characters!"}, 422, "at least 15 characters", "password"),
        ({"password": "x" * 300}, 422, "at most 256 characters", "password"),
        ({"password": "passwordpassword"}, 422, "too easy to guess", "password"),
        ({"role": "administrator"}, 422, "Something is missing", None),
        ({"full_name": " "}, 422, "Something is missing", None),
    ],
)
async def test_a_registration_that_is_refused_says_where_and_keeps_what_was_typed(
    visitor: httpx2.AsyncClient,
    database: Database,
    changed: dict[str, str],
    status: int,
    words_shown: str,
    field: str | None,
) -> None:
    form = {"full_name": "Nadia Nowa", "email": "new@example.com", "password": PASSWORD, "role": "borrower"} | changed
    answer = await visitor.post("/register", data=form)
    assert answer.status_code == status and words_shown in words(answer)
    if field:
        assert f'id="{field}-fault"' in answer.text and 'aria-invalid="true"' in answer.text
    if form["full_name"].strip():
        assert f'value="{form["full_name"]}"' in answer.text
    assert PASSWORD not in answer.text and form["password"] not in answer.text
    async with database.reading() as connection:
        assert await connection.fetchval("SELECT count(*) FROM app_user") == 0


async def test_logins_are_shown_only_where_a_demo_says_so(
    settings: Settings, visitor: httpx2.AsyncClient, database: Database, tmp_path: Path
) -> None:
    ida = await make_somebody(database)
    assert "Logins of this demo" not in (await visitor.get("/sign-in")).text
    file = tmp_path / "shown-logins.json"
    file.write_bytes(msgspec.json.encode([{"role": "investor", "email": ida.email, "password": PASSWORD}]))
    shown = settings.model_copy(update={"identity": settings.identity.model_copy(update={"shown_logins_file": file})})
    app = create_app(shown)
    async with app.router.lifespan_context(app), browser(app, shown) as client:
        page = await client.get("/sign-in", params={"next": "/method"})
        assert "Logins of this demo" in page.text and ida.email in words(page)
        assert hidden(page) == {"next": "/method", "email": ida.email, "password": PASSWORD}
        assert (await client.post("/sign-in", data=dict(hidden(page)))).headers["location"] == "/method"
    with pytest.raises(WrongSettings, match="HALFPENNY_SHOWN_LOGINS_FILE"):
        Settings(
            environment="production",
            server=ServerSettings(public_url="https://halfpenny.example"),
            identity=SignInSettings(signing_key_file=file, shown_logins_file=file),
            lending=settings.lending.model_copy(update={"sandbox": False}),
        )


async def test_a_sandbox_says_so_on_every_page_with_its_date(
    app: FastAPI, visitor: httpx2.AsyncClient, database: Database
) -> None:
    async with database.unit_of_work() as connection:
        await connection.execute("""UPDATE business_clock SET "offset" = '2040-02-29 12:00+00' - now()""")
    for path in ("/sign-in", "/register", "/no/such/page"):
        assert "Sandbox without real money · business date 29 Feb 2040" in words(await visitor.get(path)), path
