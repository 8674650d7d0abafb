"""One table, several edges: a browser gets a page, everything else a problem document."""

from __future__ import annotations

import pytest

from support.edge import Client

BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


async def test_a_browser_gets_a_page_in_its_language(client: Client) -> None:
    answer = await client.get("/nowhere", headers=BROWSER | {"accept-language": "pl"})
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert '<html lang="pl">' in answer.text
    assert "not_found" in answer.text


@pytest.mark.parametrize("path", ["/api/v1/nowhere", "/static/nowhere.js", "/nowhere"])
async def test_machines_get_a_problem(client: Client, path: str) -> None:
    headers = {} if path == "/nowhere" else BROWSER
    answer = await client.get(path, headers=headers)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "not_found"


async def test_script_in_the_address_is_not_run(client: Client) -> None:
    answer = await client.get("/%3Cscript%3Ealert(1)%3C/script%3E{{7191*7}}", headers=BROWSER)
    assert answer.status_code == 404
    assert "<script>alert" not in answer.text
    assert "50337" not in answer.text


async def test_a_wrong_method_on_a_page_names_the_right_ones(client: Client) -> None:
    answer = await client.post("/", headers=BROWSER)
    assert answer.status_code == 405
    assert "GET" in answer.headers["allow"]
    assert answer.headers["content-type"].startswith("text/html")


async def test_a_crash_on_a_page_discloses_nothing_of_its_cause(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from halfpenny.web import Pages

    render = Pages.render

    def crash(*arguments: object, **options: object) -> object:
        if "explorer.html" in arguments:
            raise RuntimeError("postgresql://halfpenny:hunter2@db/books")
        return render(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Pages, "render", crash)
    answer = await client.get("/api/v1/docs", headers=BROWSER)
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "hunter2" not in answer.text
