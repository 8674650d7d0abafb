"""Who writes the prose: a language model behind an OpenAI-compatible endpoint, or the template."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Protocol

import httpx2
import msgspec
import structlog

from halfpenny_messages import LoanAssessed, LoanSubmitted, LocalisedText, Narrative
from halfpenny_risk.errors import NarrativeRefused, NarrativeUnavailable
from halfpenny_risk.narrative.checking import JSON_SCHEMA, checked
from halfpenny_risk.narrative.facts import AI_LABEL, TEMPLATE_LABEL, Facts, facts_of, template
from halfpenny_risk.settings import NarrativeSettings

log = structlog.get_logger("halfpenny_risk.narrative")

ATTEMPTS = 2
CIRCUIT_FAILURE_THRESHOLD = 3
CIRCUIT_OPEN_S = 30.0
MAX_ANSWER_BYTES = 64 * 1024
CACHE_TIMEOUT_MS = 500
PROMPT = (
    "You describe the risk of a bridge loan to lay readers. Write three to five short sentences in English (en) "
    "and the same in Polish (pl). Use only the figures given, digit for digit as they stand; do not compute new "
    "ones and do not write numbers in words. No links, no markup, no lists, no advice, no promises, no decision. "
    'Answer with one JSON object: {"en": "...", "pl": "..."}.'
)


class Cache(Protocol):
    """Prose that was written before, by the hash of what it was written from."""

    async def get(self, key: str) -> LocalisedText | None: ...

    async def put(self, key: str, text: LocalisedText, model: str) -> None: ...


class NoCache:
    """Where there is no document store, everything is written anew."""

    async def get(self, key: str) -> LocalisedText | None:
        return None

    async def put(self, key: str, text: LocalisedText, model: str) -> None:
        return None


class MongoCache:
    """A collection of checked prose. A store that is away is only a cache that misses."""

    def __init__(self, client: Any, database: str) -> None:
        self._client = client
        self._collection = client[database]["narratives"]

    @classmethod
    def connect(cls, url: str, database: str) -> MongoCache:
        """No packet is sent until the first look-up. Close it when done."""
        from pymongo import AsyncMongoClient

        client: Any = AsyncMongoClient(
            url,
            serverSelectionTimeoutMS=CACHE_TIMEOUT_MS,
            connectTimeoutMS=CACHE_TIMEOUT_MS,
            socketTimeoutMS=CACHE_TIMEOUT_MS,
        )
        return cls(client, database)

    async def close(self) -> None:
        """Let go of every connection."""
        await self._client.close()

    async def get(self, key: str) -> LocalisedText | None:
        from pymongo.errors import PyMongoError

        try:
            found = await self._collection.find_one({"_id": key})
            return None if found is None else LocalisedText(str(found["en"]), str(found["pl"]))
        except (PyMongoError, KeyError) as error:
            log.warning("narrative_cache_away", error=type(error).__name__)
            return None

    async def put(self, key: str, text: LocalisedText, model: str) -> None:
        from pymongo.errors import PyMongoError

        document = {"en": text.en, "pl": text.pl, "model": model}
        try:
            await self._collection.replace_one({"_id": key}, document, upsert=True)
        except PyMongoError as error:
            log.warning("narrative_cache_away", error=type(error).__name__)


class TemplateNarrator:
    """Says the facts in the same words every time."""

    async def narrate(self, loan: LoanSubmitted, assessed: LoanAssessed) -> Narrative:
        return from_template(facts_of(loan, assessed))


def from_template(facts: Facts) -> Narrative:
    """The template's prose with its label."""
    return Narrative(text=template(facts), label=TEMPLATE_LABEL, written_by="template")


class LanguageModelNarrator:
    """Asks the language model, checks what it wrote, and falls back to the template.

    A circuit breaker: after ``CIRCUIT_FAILURE_THRESHOLD`` failures in a row the model is not called for
    ``CIRCUIT_OPEN_S`` seconds, so that a dead endpoint costs its time-out a few times and not for every loan.
    """

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
        key = hashlib.sha256(f"{PROMPT}\n{self._settings.model}\n{facts.digest}".encode()).hexdigest()
        kept = await self._cache.get(key)
        # The store is not ours alone: what comes out of it is checked like what comes out of the model.
        text = self._cached_prose_is_valid(kept, facts)
        if text is None:
            text = await self._write(facts)
            if text is None:
                return from_template(facts)
            await self._cache.put(key, text, self._settings.model)
        return Narrative(text=text, label=AI_LABEL, written_by="ai", model=self._settings.model)

    def _cached_prose_is_valid(self, kept: LocalisedText | None, facts: Facts) -> LocalisedText | None:
        if kept is None:
            return None
        try:
            return checked(msgspec.json.encode(kept).decode(), facts)
        except NarrativeRefused as refusal:
            log.warning("narrative_cache_refused", reason=str(refusal))
            return None

    async def _write(self, facts: Facts) -> LocalisedText | None:
        if self._clock() < self._closed_again_at:
            return None
        for attempt in range(1, ATTEMPTS + 1):
            try:
                text = checked(await self._ask(facts), facts)
            except (NarrativeRefused, NarrativeUnavailable) as error:
                log.warning("narrative_failed", code=error.code, reason=str(error)[:200], attempt=attempt)
                self._failures += 1
            else:
                self._failures = 0
                return text
            if self._failures >= CIRCUIT_FAILURE_THRESHOLD:
                self._closed_again_at = self._clock() + CIRCUIT_OPEN_S
                self._failures = 0
                return None
        return None

    async def _ask(self, facts: Facts) -> str:
        headers = {"Authorization": f"Bearer {self._settings.api_key}"} if self._settings.api_key else {}
        body = {
            "model": self._settings.model,
            "temperature": 0,
            "max_tokens": 800,
            "response_format": {"type": "json_schema", "json_schema": JSON_SCHEMA},
            "messages": [
                {"role": "system", "content": PROMPT},
                {"role": "user", "content": msgspec.json.encode(asdict(facts)).decode()},
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
