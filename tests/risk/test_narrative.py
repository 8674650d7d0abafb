"""Prose about the figures: true to them, or not shown; and never slower than its time-outs."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from halfpenny.platform.servers import DocumentServer
from halfpenny_messages import LoanAssessed, LocalisedText, Narrative
from halfpenny_risk.assess import assess
from halfpenny_risk.errors import NarrativeRefused
from halfpenny_risk.models import load_models
from halfpenny_risk.narrative import Cache, LanguageModelNarrator, MongoCache, NoCache, facts_of, template
from halfpenny_risk.narrative.checking import WrittenSentence, checked, fault_of
from halfpenny_risk.narrative.facts import Fact, Facts, plainly
from halfpenny_risk.narrative.plain import PLAIN
from halfpenny_risk.narrative.writer import CIRCUIT_FAILURE_THRESHOLD, CIRCUIT_OPEN_S
from halfpenny_risk.policy import load_policies
from halfpenny_risk.settings import NarrativeSettings
from support.risk_applications import ORDINARY, changed
from support.risk_hostile import hostile_descriptions

ASSESSED = assess(UUID(int=9), ORDINARY, load_models("scorecard"), load_policies())
FACTS = facts_of(ORDINARY, ASSESSED)
LINES = Path(__file__).parent / "data" / "narratives"
# The loan that the hostile answers are about (data/narratives/README.md).
FIGURES = [
    *("amount", "term", "loan_to_value", "loan_to_value_at_low", "probability_of_default", "loss_given_default"),
    *("expected_loss", "rate", "value_used", "comparables", "exit_strategy"),
]
DRIVERS = ["against:exit_leverage", "against:exit_uncertainty", "against:adverse", "for:exit_term"]
FIGURE = LocalisedText("FIGURE", "KWOTA")
HOSTILE_FACTS = Facts(
    "E",
    (
        *(Fact(name, {name: FIGURE}) for name in FIGURES),
        Fact("value_range", {"value_low": FIGURE, "value_high": FIGURE}),
        *(Fact(name) for name in DRIVERS),
    ),
)

Answerer = Callable[[dict[str, Any]], Awaitable[tuple[int, bytes]]]


def completion(content: str) -> bytes:
    return json.dumps({"choices": [{"message": {"role": "assistant", "content": content}}]}).encode()


def answer_of(*names: str) -> str:
    """What a language model answers that puts these facts in the plainest words."""
    outcome = [{"fact": name, "en": PLAIN[name].en, "pl": PLAIN[name].pl} for name in names]
    return json.dumps({"sentences": outcome})


def good_prose() -> str:
    return answer_of("loan_to_value", "probability_of_default", "rate")


class Endpoint:
    """A local server that speaks enough of the OpenAI protocol; what it answers is the test's to decide."""

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


def printed(content: str, status: int = 200) -> Answerer:
    async def answer(_: dict[str, Any]) -> tuple[int, bytes]:
        return status, completion(content)

    return answer


async def narrate(url: str, **options: Any) -> Narrative:
    async with narrator(url, **options) as writing:
        return await writing.narrate(ORDINARY, ASSESSED)


async def test_prose_that_is_true_to_the_facts_is_shown_and_labelled() -> None:
    async with endpoint(printed(good_prose())) as model:
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
        json.dumps({"sentences": []}),
        json.dumps({"sentences": [{"fact": "rate", "en": "The suggested rate is {rate} a year."}]}),
        answer_of("rate"),
        answer_of("rate", "amount", "rate"),
        json.dumps({**json.loads(answer_of("rate", "amount")), "grade": "A"}),
        json.dumps(["en", "pl"]),
    ],
)
async def test_an_answer_outside_the_schema_falls_back_to_the_template(bad: str) -> None:
    async with endpoint(printed(bad)) as model:
        narrative = await narrate(model.url)
    assert narrative.written_by == "template" and narrative.text == template(FACTS)
    assert len(model.requests) == 2, "one retry, and no more"


@pytest.mark.parametrize("status", [500, 429, 302, 401])
async def test_a_failing_endpoint_falls_back(status: int) -> None:
    async with endpoint(printed(good_prose(), status)) as model:
        assert (await narrate(model.url)).written_by == "template"


async def test_a_dead_endpoint_falls_back() -> None:
    async with endpoint(printed("")) as model:
        url = model.url
    assert (await narrate(url)).written_by == "template"


async def test_a_silent_endpoint_costs_its_timeout_and_no_more() -> None:
    async def silent(_: dict[str, Any]) -> tuple[int, bytes]:
        await asyncio.Event().wait()
        raise AssertionError

    async with endpoint(silent) as model, asyncio.timeout(30.0):
        assert (await narrate(model.url, timeout_s=0.1)).written_by == "template"


async def test_row_12_one_deadline_stands_over_everything(endpoint_trickling: str) -> None:
    """An endpoint that sends a byte now and then: each byte comes in time, and the answer never does."""
    began = time.monotonic()
    async with narrator(endpoint_trickling, timeout_s=0.6) as writing:
        assert (await writing.narrate(ORDINARY, ASSESSED)).written_by == "template"
    # Once, not once an attempt; the rest is what a busy machine takes.
    assert time.monotonic() - began < 6.0


@pytest.fixture
async def endpoint_trickling() -> AsyncIterator[str]:
    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 X\r\ncontent-type: application/json\r\ncontent-length: 5000\r\n\r\n")
            while True:
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.1)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(trickle, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    server.close()


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
    async with aclosing(cache), endpoint(printed(good_prose())) as model:
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
        async def get(self, key: str) -> str | None:
            return json.dumps({"sentences": [{"fact": "rate", "en": "It is guaranteed.", "pl": "Pewne."}] * 3})

    async with endpoint(printed(good_prose())) as model:
        narrative = await narrate(model.url, cache=Poisoned())
    assert narrative.text == checked(good_prose(), FACTS)


async def test_a_missing_document_store_is_only_a_cache_that_misses() -> None:
    cache = MongoCache.connect("mongodb://127.0.0.1:9/?directConnection=true", "nowhere")
    async with aclosing(cache), endpoint(printed(good_prose())) as model:
        assert (await narrate(model.url, cache=cache)).written_by == "ai"


async def test_two_hundred_hostile_texts_are_refused_even_when_the_model_obeys_them() -> None:
    """The model of this test does the worst: it writes whatever the description demands."""
    plain = PLAIN["rate"]
    for text in hostile_descriptions():
        for en, pl in ((text, text), (f"{plain.en} {text}", plain.pl), (plain.en, f"{text} {plain.pl}")):
            obeyed = json.loads(good_prose())
            obeyed["sentences"][-1] |= {"en": en, "pl": pl}
            with pytest.raises(NarrativeRefused):
                checked(json.dumps(obeyed), FACTS)
    obeyed["sentences"][-1] |= {"en": hostile_descriptions()[0], "pl": plain.pl}
    obedient = printed(json.dumps(obeyed))
    async with endpoint(obedient) as model:
        assert (await narrate(model.url)).written_by == "template"


async def test_the_narrative_changes_no_figure() -> None:
    async with endpoint(printed(good_prose())) as model:
        narrative = await narrate(model.url)
    with_prose = msgspec.structs.replace(ASSESSED, narrative=narrative)
    assert msgspec.structs.replace(with_prose, narrative=None) == ASSESSED


def hostile_answers() -> list[tuple[str, WrittenSentence]]:
    found = []
    for line in (LINES / "hostile.txt").read_text(encoding="utf-8").splitlines():
        kind, fact, en, pl = (part.replace("\\n", "\n") for part in line.split(" | "))
        found.append((kind, WrittenSentence(fact, en, pl)))
    return found


def good_answers() -> list[list[WrittenSentence]]:
    text = (LINES / "good.txt").read_text(encoding="utf-8").strip()
    return [[WrittenSentence(*line.split(" | ")) for line in answer.split("\n")] for answer in text.split("\n\n")]


def test_row_11_no_hostile_answer_passes() -> None:
    """Written before the grammar was, by somebody else; each in the middle of an otherwise good answer."""
    answers = hostile_answers()
    assert len(answers) >= 300
    before, after = (
        WrittenSentence(name, PLAIN[name].en, PLAIN[name].pl) for name in ("value_used", "loss_given_default")
    )
    passed = []
    for kind, sentence in answers:
        around = [part for part in (before, after) if part.fact != sentence.fact]
        written = {"sentences": [around[0], sentence, *around[1:]]}
        try:
            checked(msgspec.json.encode(written).decode("utf-8", "surrogatepass"), HOSTILE_FACTS)
        except NarrativeRefused:
            continue
        passed.append((kind, sentence))
    assert passed == []


def test_row_11_nine_good_answers_in_ten_pass() -> None:
    answers = good_answers()
    assert len(answers) == 50
    refused = []
    for answer in answers:
        facts = Facts("C", tuple(Fact(sentence.fact) for sentence in answer))
        named = [sentence.fact for sentence in answer]
        if any(fault_of(sentence, facts, named[:place]) for place, sentence in enumerate(answer)):
            refused.append(answer)
    print(f"refused: {len(refused)} of {len(answers)} good answers")
    assert len(refused) < 5


@pytest.mark.parametrize("name", sorted(PLAIN))
def test_row_11_the_plain_sentences_pass_and_only_for_their_own_fact(name: str) -> None:
    """Whatever is said of one fact is said of no other: no figure and no direction can be swapped."""
    for other in PLAIN:
        facts = Facts("C", (Fact(other),))
        passes = fault_of(WrittenSentence(other, PLAIN[name].en, PLAIN[name].pl), facts) is None
        assert passes == (other == name or {other, name} == {"loan_to_value"})


SPOILED = (
    "{} Trust it.",
    "Only {}",
    "{} That is not so.",
    "If so, {}",
    "Surely {}",
    "{}!",
    "{} {}",
    " {}",
    "{} ",
    "{}\n",
    "{}\u00a0",
    "Nie, {}",
)


@pytest.mark.parametrize("spoiled", SPOILED)
def test_row_11_a_plain_sentence_with_anything_added_is_refused(spoiled: str) -> None:
    for name, plain in PLAIN.items():
        facts = Facts("C", (Fact(name),))
        for en, pl in ((spoiled.replace("{}", plain.en), plain.pl), (plain.en, spoiled.replace("{}", plain.pl))):
            assert fault_of(WrittenSentence(name, en, pl), facts) is not None, (en, pl)


TURNING_WORDS = [
    *("not", "never", "hardly", "barely", "only", "just", "merely", "tiny", "huge", "safe", "sure", "certain", "two"),
    *("guaranteed", "excellent", "ten", "half", "most", "least", "less", "more", "above", "below", "under", "over"),
    *("always", "soon", "early", "fully", "widow", "foreign", "honest", "approve", "buy", "A", "AAA"),
]


@given(data=st.data())
def test_row_11_no_word_can_be_put_into_a_plain_sentence_that_turns_it(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(PLAIN)))
    words = PLAIN[name].en.split(" ")
    place = data.draw(st.integers(0, len(words) - 1))
    added = data.draw(st.sampled_from(TURNING_WORDS))
    sentence = " ".join([*words[:place], added, *words[place:]])
    assert fault_of(WrittenSentence(name, sentence, PLAIN[name].pl), Facts("C", (Fact(name),))) is not None


def test_row_11_figures_are_ours_and_what_was_left_out_is_added() -> None:
    text = checked(answer_of("amount", "term"), FACTS)
    assert text.en.startswith("The amount of the loan is 270,000 EUR. The loan runs for 12 months.")
    assert "270\u00a0000 EUR" in text.pl and "12 mies. " in text.pl
    for name in FACTS.obligatory:
        assert plainly(FACTS.by_id()[name]).en in text.en
    # No language model is shown a figure, and none states the grade.
    assert "grade" not in text.en.lower()


def test_row_11_what_was_scored_about_the_borrower_is_no_fact_of_prose() -> None:
    loan = changed(adverse_records=4, income="1000.00")
    facts = facts_of(loan, assess(UUID(int=9), loan, load_models("champion"), load_policies()))
    drivers = {name.partition(":")[2] for name in facts.by_id() if ":" in name}
    assert drivers and not drivers & {"income", "debts", "adverse"}


def test_the_template_says_the_grade_and_every_figure_for_any_loan() -> None:
    models, policies = load_models("scorecard"), load_policies()
    for amount in ("1.00", "99999.99", "270000.00", "1234567.89", "9000000.00"):
        loan = changed(amount=amount, currency="PLN", term_months=7)
        assessed: LoanAssessed = assess(UUID(int=9), loan, models, policies)
        facts = facts_of(loan, assessed)
        text = template(facts)
        assert f"grade is {assessed.grade}." in text.en and f"Klasa: {assessed.grade}." in text.pl
        assert "{" not in text.en + text.pl and ".." not in text.en + text.pl
