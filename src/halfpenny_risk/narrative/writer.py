"""Who writes the prose: a language model behind an OpenAI-compatible endpoint, or the template."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from typing import Any, Protocol

import httpx2
import msgspec
import structlog

from halfpenny_messages import LoanAssessed, LoanSubmitted, LocalisedText, Narrative
from halfpenny_risk.errors import NarrativeRefused, NarrativeUnavailable
from halfpenny_risk.narrative.checking import JSON_SCHEMA, checked
from halfpenny_risk.narrative.facts import AI_LABEL, TEMPLATE_LABEL, Facts, facts_of, template
from halfpenny_risk.narrative.plain import PLAIN
from halfpenny_risk.settings import NarrativeSettings

log = structlog.get_logger("halfpenny_risk.narrative")

ATTEMPTS = 2
CIRCUIT_FAILURE_THRESHOLD = 3
CIRCUIT_OPEN_S = 30.0
MAX_ANSWER_BYTES = 64 * 1024
CACHE_TIMEOUT_MS = 500
PROMPT = (
    "You describe the risk of a bridge loan to lay readers: choose from the facts below, put them in an order that "
    "reads well, and say each in one short sentence in English (en) and in Polish (pl). Each sentence names its fact "
    "by id and holds the fact's placeholders, in braces, exactly as given; the figures are put in later. Write no "
    "digit, no number in words, no grade, no judgement, no advice, no promise and nothing about people; do not "
    "compare, deny or belittle. Facts that begin with against: raise the risk, those with for: lower it. Stay close "
    'to the examples. Answer with one JSON object: {"sentences": [{"fact": "...", "en": "...", "pl": "..."}]}.'
)


class Cache(Protocol):
    """What a language model answered before, by the hash of what it was asked with."""

    async def get(self, key: str) -> str | None: ...

    async def put(self, key: str, content: str, model: str) -> None: ...


class NoCache:
    """Where there is no document store, everything is written anew."""

    async def get(self, key: str) -> str | None:
        return None

    async def put(self, key: str, content: str, model: str) -> None:
        return None


class MongoCache:
    """A collection of checked prose. A store that is away is only a cache that misses."""

    def __init__(self, client: Any, database: str) -> None:
        self._client = client
        self._collection = client[database]["narratives"]

    @classmethod
    def connect(cls, url: str, database: str) -> MongoCache:
        """No packet is sent until the first query. Close it when done."""
        from pymongo import AsyncMongoClient

        client: Any = AsyncMongoClient(
            url,
            serverSelectionTimeoutMS=CACHE_TIMEOUT_MS,
            connectTimeoutMS=CACHE_TIMEOUT_MS,
            socketTimeoutMS=CACHE_TIMEOUT_MS,
        )
        return cls(client, database)

    async def close(self) -> None:
        """Close every connection."""
        await self._client.close()

    async def get(self, key: str) -> str | None:
        from pymongo.errors import PyMongoError

        try:
            found = await self._collection.find_one({"_id": key})
            return None if found is None else str(found["content"])
        except (PyMongoError, KeyError) as error:
            log.warning("narrative_cache_away", error=type(error).__name__)
            return None

    async def put(self, key: str, content: str, model: str) -> None:
        from pymongo.errors import PyMongoError

        document = {"content": content, "model": model}
        try:
            await self._collection.replace_one({"_id": key}, document, upsert=True)
        except PyMongoError as error:
            log.warning("narrative_cache_away", error=type(error).__name__)


class TemplateNarrator:
    """Says the facts in the same words every time, and has nothing to complete later."""

    writes_prose = False

    async def narrate(self, loan: LoanSubmitted, assessed: LoanAssessed) -> Narrative:
        return from_template(facts_of(loan, assessed))


def from_template(facts: Facts) -> Narrative:
    """The template's prose with its label."""
    return Narrative(text=template(facts), label=TEMPLATE_LABEL, written_by="template")


class LanguageModelNarrator:
    """Asks the language model, checks what it wrote, and falls back to the template.

    One deadline of ``timeout_s`` stands over everything: the look-up, both attempts and every byte of their answers.
    A circuit breaker: after ``CIRCUIT_FAILURE_THRESHOLD`` failures in a row the model is not called for
    ``CIRCUIT_OPEN_S`` seconds, so that a dead endpoint costs its time-out a few times and not for every loan.
    """

    writes_prose = True

    def __init__(
        self,
        settings: NarrativeSettings,
        cache: Cache,
        client: httpx2.AsyncClient,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._cache = cache
        self._client = client
        self._clock = clock
        self._failures = 0
        self._closed_again_at = 0.0

    async def narrate(self, loan: LoanSubmitted, assessed: LoanAssessed) -> Narrative:
        facts = facts_of(loan, assessed)
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                text = await self._found_or_written(facts)
        except TimeoutError:
            log.warning("narrative_failed", code="narrative_timeout", timeout_s=self._settings.timeout_s)
            self._count_failure()
            text = None
        if text is None:
            return from_template(facts)
        return Narrative(text=text, label=AI_LABEL, written_by="ai", model=self._settings.model)

    async def _found_or_written(self, facts: Facts) -> LocalisedText | None:
        key = hashlib.sha256(f"{PROMPT}\n{self._settings.model}\n{facts.digest}".encode()).hexdigest()
        kept = await self._cache.get(key)
        if kept is not None:
            try:
                # The store is not ours alone: what comes out of it is checked like what comes out of the model.
                return checked(kept, facts)
            except NarrativeRefused as refusal:
                log.warning("narrative_cache_refused", reason=str(refusal))
        return await self._write(facts, key)

    async def _write(self, facts: Facts, key: str) -> LocalisedText | None:
        for attempt in range(1, ATTEMPTS + 1):
            if self._clock() < self._closed_again_at:
                return None
            try:
                content = await self._ask(facts)
                text = checked(content, facts)
            except (NarrativeRefused, NarrativeUnavailable) as error:
                log.warning("narrative_failed", code=error.code, reason=str(error)[:200], attempt=attempt)
                self._count_failure()
            else:
                self._failures = 0
                await self._cache.put(key, content, self._settings.model)
                return text
        return None

    def _count_failure(self) -> None:
        self._failures += 1
        if self._failures >= CIRCUIT_FAILURE_THRESHOLD:
            self._closed_again_at = self._clock() + CIRCUIT_OPEN_S
            self._failures = 0

    async def _ask(self, facts: Facts) -> str:
        headers = {"Authorization": f"Bearer {self._settings.api_key}"} if self._settings.api_key else {}
        body = {
            "model": self._settings.model,
            "temperature": 0,
            "max_tokens": 1500,
            "response_format": {"type": "json_schema", "json_schema": JSON_SCHEMA},
            "messages": [
                {"role": "system", "content": PROMPT},
                {"role": "user", "content": msgspec.json.encode(_examples(facts)).decode()},
            ],
        }
        try:
            async with self._client.stream(
                "POST",
                f"{self._settings.url}/chat/completions",
                json=body,
                headers=headers,
                timeout=self._settings.timeout_s,
            ) as response:
                if response.status_code != 200:
                    raise NarrativeUnavailable(f"status {response.status_code}")
                content = bytearray()
                async for part in response.aiter_bytes():
                    content += part
                    if len(content) > MAX_ANSWER_BYTES:
                        raise NarrativeRefused("the answer is too long")
        except (httpx2.HTTPError, OSError) as error:
            raise NarrativeUnavailable(type(error).__name__) from None
        return _message_in(bytes(content))


def _examples(facts: Facts) -> dict[str, dict[str, str]]:
    """Each fact by its id with an example of how it may be phrased: no figure leaves us."""
    return {fact.id: {"en": PLAIN[fact.id].en, "pl": PLAIN[fact.id].pl} for fact in facts.facts}


class _Message(msgspec.Struct):
    content: str


class _Choice(msgspec.Struct):
    message: _Message


class _Completion(msgspec.Struct):
    choices: list[_Choice]


def _message_in(content: bytes) -> str:
    try:
        return msgspec.json.decode(content, type=_Completion).choices[0].message.content
    except (msgspec.DecodeError, msgspec.ValidationError, IndexError, RecursionError):
        raise NarrativeRefused("not a chat completion") from None
