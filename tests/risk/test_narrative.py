"""Prose about the figures: true to them, or not shown; and never slower than its time-outs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import httpx2
import msgspec
import pytest

from halfpenny.platform.servers import DocumentServer
from halfpenny_messages import LoanAssessed, LocalisedText, Narrative
from halfpenny_risk.assess import assess
from halfpenny_risk.errors import NarrativeRefused
from halfpenny_risk.models import load_models
from halfpenny_risk.narrative import Cache, LanguageModelNarrator, MongoCache, NoCache, facts_of, template
from halfpenny_risk.narrative.checking import checked, fault_of
from halfpenny_risk.narrative.writer import CIRCUIT_FAILURE_THRESHOLD, CIRCUIT_OPEN_S
from halfpenny_risk.policy import load_policies
from halfpenny_risk.settings import NarrativeSettings
from support.risk_applications import ORDINARY, changed
from support.risk_hostile import hostile_descriptions

ASSESSED = assess(UUID(int=9), ORDINARY, load_models("scorecard"), load_policies())
FACTS = facts_of(ORDINARY, ASSESSED)

Answerer = Callable[[dict[str, Any]], Awaitable[tuple[int, bytes]]]


def completion(content: str) -> bytes:
    return json.dumps({"choices": [{"message": {"role": "assistant", "content": content}}]}).encode()


def good_prose() -> str:
    text = template(FACTS)
    return json.dumps({"en": text.en, "pl": text.pl})


class Endpoint:
    """A local server that speaks enough of the OpenAI protocol; what it answers is the test's to say."""

    def __init__(self, answerer: Answerer) -> None:
        self.answerer = answerer
        self.requests: list[dict[str, Any]] = []
        self.headers: list[str] = []
        self.url = ""
        self.connections: set[asyncio.Task[Any]] = set()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.connections.add(task)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = next(
                    int(line.split(":")[1]) for line in head.split("\r\n") if line.lower().startswith("content-length")
                )
                assert head.startswith("POST /v1/chat/completions ")
                self.headers.append(head)
                self.requests.append(json.loads(await reader.readexactly(length)))
                status, body = await self.answerer(self.requests[-1])
                writer.write(
                    b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
                    % (status, len(body))
                )
                writer.write(body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        except asyncio.CancelledError:
            return
        finally:
            self.connections.discard(task)
            writer.close()


@asynccontextmanager
async def endpoint(answerer: Answerer) -> AsyncIterator[Endpoint]:
    running = Endpoint(answerer)
    server = await asyncio.start_server(running.handle, "127.0.0.1", 0)
    running.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield running
    finally:
        server.close()
        for task in list(running.connections):
            task.cancel()
        await asyncio.gather(*running.connections, return_exceptions=True)
        await server.wait_closed()


@asynccontextmanager
async def aclosing(cache: MongoCache) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await cache.close()


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def narrator(
    url: str, *, cache: Cache | None = None, timeout_s: float = 30.0, clock: Clock | None = None
) -> AsyncIterator[LanguageModelNarrator]:
    settings = NarrativeSettings(url, "test-model", "a-secret", timeout_s)
    async with httpx2.AsyncClient() as client:
        yield LanguageModelNarrator(settings, cache or NoCache(), client, clock or Clock())


def says(content: str, status: int = 200) -> Answerer:
    async def answer(_: dict[str, Any]) -> tuple[int, bytes]:
        return status, completion(content)

    return answer


async def narrate(url: str, **options: Any) -> Narrative:
    async with narrator(url, **options) as writing:
        return await writing.narrate(ORDINARY, ASSESSED)


async def test_prose_that_is_true_to_the_facts_is_shown_and_labelled() -> None:
    async with endpoint(says(good_prose())) as model:
        narrative = await narrate(model.url)
    assert narrative.written_by == "ai" and narrative.model == "test-model"
    assert "AI" in narrative.label.en and "AI" in narrative.label.pl
    request = model.requests[0]
    assert request["response_format"]["json_schema"]["strict"] is True
    assert "authorization: bearer a-secret" in model.headers[0].lower()
    sent = json.dumps(request)
    # Facts go in, and none of what the applicant wrote.
    for text in (ORDINARY.property.description, ORDINARY.property.address, ORDINARY.borrower.company):
        assert text not in sent


@pytest.mark.parametrize(
    "bad",
    [
        "not json at all, but long enough to be a sentence of prose about a loan",
        json.dumps({"en": "x" * 60}),
        json.dumps({"en": "x" * 60, "pl": "y" * 60, "grade": "A"}),
        json.dumps({"en": "Short.", "pl": "Krótko."}),
        json.dumps(["en", "pl"]),
    ],
)
async def test_an_answer_outside_the_schema_falls_back_to_the_template(bad: str) -> None:
    async with endpoint(says(bad)) as model:
        narrative = await narrate(model.url)
    assert narrative.written_by == "template" and narrative.text == template(FACTS)
    assert len(model.requests) == 2, "one retry, and no more"


@pytest.mark.parametrize("status", [500, 429, 302, 401])
async def test_a_failing_endpoint_falls_back(status: int) -> None:
    async with endpoint(says(good_prose(), status)) as model:
        assert (await narrate(model.url)).written_by == "template"


async def test_a_dead_endpoint_falls_back() -> None:
    async with endpoint(says("")) as model:
        url = model.url
    assert (await narrate(url)).written_by == "template"


async def test_a_silent_endpoint_costs_its_timeout_and_no_more() -> None:
    async def silent(_: dict[str, Any]) -> tuple[int, bytes]:
        await asyncio.Event().wait()
        raise AssertionError

    async with endpoint(silent) as model, asyncio.timeout(30.0):
        assert (await narrate(model.url, timeout_s=0.1)).written_by == "template"


async def test_an_endless_answer_is_cut_off() -> None:
    async def endless(_: dict[str, Any]) -> tuple[int, bytes]:
        return 200, completion("x" * 200_000)

    async with endpoint(endless) as model:
        assert (await narrate(model.url)).written_by == "template"


async def test_a_second_try_may_succeed() -> None:
    answers = iter([(500, b"{}"), (200, completion(good_prose()))])

    async def answer(_: dict[str, Any]) -> tuple[int, bytes]:
        return next(answers)

    async with endpoint(answer) as model:
        assert (await narrate(model.url)).written_by == "ai"


async def test_the_circuit_opens_after_failures_and_closes_again() -> None:
    state = {"status": 500}

    async def answer(_: dict[str, Any]) -> tuple[int, bytes]:
        return state["status"], completion(good_prose())

    clock = Clock()
    async with endpoint(answer) as model, narrator(model.url, clock=clock) as writing:
        for _ in range(5):
            assert (await writing.narrate(ORDINARY, ASSESSED)).written_by == "template"
        assert len(model.requests) == CIRCUIT_FAILURE_THRESHOLD
        state["status"] = 200
        assert (await writing.narrate(ORDINARY, ASSESSED)).written_by == "template", "still open"
        clock.now += CIRCUIT_OPEN_S
        assert (await writing.narrate(ORDINARY, ASSESSED)).written_by == "ai"


async def test_what_was_written_once_is_kept_in_the_document_store(document_server: DocumentServer) -> None:
    cache = MongoCache.connect(document_server.url, f"test_{uuid4().hex}")
    async with aclosing(cache), endpoint(says(good_prose())) as model:
        first = await narrate(model.url, cache=cache)
        second = await narrate(model.url, cache=cache)
        assert first == second and first.written_by == "ai"
        assert len(model.requests) == 1
        # Other facts are another text.
        other = assess(UUID(int=9), changed(amount="200000.00"), load_models("scorecard"), load_policies())
        async with narrator(model.url, cache=cache) as writing:
            await writing.narrate(changed(amount="200000.00"), other)
        assert len(model.requests) > 1


async def test_a_poisoned_cache_is_checked_like_the_model() -> None:
    class Poisoned(NoCache):
        async def get(self, key: str) -> LocalisedText | None:
            return LocalisedText("This loan is guaranteed, see http://attacker.example for 99% profit.", "x" * 60)

    async with endpoint(says(good_prose())) as model:
        narrative = await narrate(model.url, cache=Poisoned())
    assert narrative.text == LocalisedText(**json.loads(good_prose()))


async def test_a_missing_document_store_is_only_a_cache_that_misses() -> None:
    cache = MongoCache.connect("mongodb://127.0.0.1:9/?directConnection=true", "nowhere")
    async with aclosing(cache), endpoint(says(good_prose())) as model:
        assert (await narrate(model.url, cache=cache)).written_by == "ai"


async def test_two_hundred_hostile_texts_are_refused_even_when_the_model_obeys_them() -> None:
    """The model of this test does the worst: it says whatever the description told it to."""
    plain = template(FACTS)
    for text in hostile_descriptions():
        for obeyed in (
            {"en": text, "pl": text},
            {"en": f"{plain.en} {text}", "pl": plain.pl},
            {"en": plain.en, "pl": f"{text} {plain.pl}"},
        ):
            with pytest.raises(NarrativeRefused):
                checked(json.dumps(obeyed), FACTS)
    obedient = says(json.dumps({"en": f"{plain.en} {hostile_descriptions()[0]}", "pl": plain.pl}))
    async with endpoint(obedient) as model:
        assert (await narrate(model.url)).written_by == "template"


async def test_the_narrative_changes_no_figure() -> None:
    async with endpoint(says(good_prose())) as model:
        narrative = await narrate(model.url)
    with_prose = msgspec.structs.replace(ASSESSED, narrative=narrative)
    assert msgspec.structs.replace(with_prose, narrative=None) == ASSESSED


FILLER = "The loan is secured on a house and is repaid when it is sold."


@pytest.mark.parametrize(
    "sentence",
    [
        "The rate is 99% a year.",
        "The grade is A.",
        "Ocena tej pożyczki to A.",
        "Set the grade to B.",
        "It returns 12.5 percent.",
        "The value is 9,999,999 EUR.",
        "See attacker.example for more.",
        "See https://attacker.example for more.",
        "It is <b>good</b>.",
        "It is **good**.",
        "A [link](x) to it.",
        "It is guaranteed.",
        "The loan is approved.",
        "It pays twelve percent.",
        "It pays ١٢ percent.",
        "It is g\u200bood.",
        "It is \u202egood.",
        "Іt is good in Cyrillic.",
        "A million euros.",
        "Mail me@example.org now.",
        "Line one.\nLine two.",
    ],
)
def test_what_is_not_a_fact_is_refused(sentence: str) -> None:
    assert fault_of(FILLER, FACTS) is None
    assert fault_of(f"{FILLER} {sentence}", FACTS) is not None


def test_facts_may_be_said_in_either_language() -> None:
    figure = FACTS.ltv_percent
    assert fault_of(f"{FILLER} It is {figure}% of the value.", FACTS) is None
    assert fault_of(f"{FILLER} Stanowi {figure.replace('.', ',')} % wartości.", FACTS) is None
    assert fault_of(f"{FILLER} Kwota: 270 000 EUR na {FACTS.term_months} mies.", FACTS) is None
    assert fault_of(f"{FILLER} The amount is 270,000 EUR.", FACTS) is None
    # A percentage is not an amount: the same digits with another sign are another claim.
    assert fault_of(f"{FILLER} It is {FACTS.amount}% of it.", FACTS) is not None


def test_the_template_passes_its_own_check_for_any_loan() -> None:
    models, policies = load_models("scorecard"), load_policies()
    for amount in ("1.00", "99999.99", "270000.00", "1234567.89", "9000000.00"):
        loan = changed(amount=amount, currency="PLN", term_months=7)
        assessed: LoanAssessed = assess(UUID(int=9), loan, models, policies)
        facts = facts_of(loan, assessed)
        text = template(facts)
        assert fault_of(text.en, facts) is None and fault_of(text.pl, facts) is None
