"""One layer that is a model: an OpenAI-compatible endpoint, asked politely, within a budget, its answers kept.

The same client serves a hosted model (OpenAI, Gemini's OpenAI endpoint) and a local server (Ollama,
llama.cpp): address, model and key are configuration. The clock is passed in.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from datawarp.enrich.calls import Call
from datawarp.enrich.questions import PROMPT_VERSION, Answer, Question, Refused, read_answer, schema
from datawarp.files import read_json, write_json
from datawarp.registry.settings import EnrichmentSettings, LayerSettings

if TYPE_CHECKING:
    from openai import OpenAI
    from openai.types.chat import ChatCompletion

_LONGEST_PAUSE = 60.0
# Seconds for which no job of a run asks a layer that did not answer.
_REST = 600.0
# The name of what is asked outside of any run.
NO_RUN = "none"


class Budget:
    """What one run may ask and spend, counted over all its jobs in a file."""

    def __init__(self, path: Path, run: str, settings: EnrichmentSettings) -> None:
        self._path, self._run, self._settings = path, run, settings

    @property
    def run(self) -> str:
        """The run whose calls are counted."""
        return self._run

    def down(self, layer: str, now: float) -> str | None:
        """Why another job of the run found ``layer`` down a short time ago; ``None`` when none did."""
        try:
            record = read_json(self._down_path(layer))
            resting = self._run != NO_RUN and record["run"] == self._run and now - float(record["at"]) < _REST
            return str(record["error"]) if resting else None
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    def found_down(self, layer: str, error: str, now: float) -> None:
        """Tell the other jobs of the run that ``layer`` does not answer."""
        write_json(self._down_path(layer), {"run": self._run, "at": now, "error": error})

    def _down_path(self, layer: str) -> Path:
        return self._path.with_name(f"down-{hashlib.sha256(layer.encode()).hexdigest()[:16]}.json")

    def reserve(self) -> bool:
        """Count one call; False when calls or money are used up."""
        return self._count(1, 0.0, check=True)

    def spend(self, cost: float) -> None:
        """Count what an answer cost."""
        self._count(0, cost, check=False)

    def _count(self, calls: int, cost: float, *, check: bool) -> bool:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{self._path}.lock"):
            spent = self._read()
            if check and (spent["calls"] >= self._settings.max_calls or spent["cost"] >= self._settings.max_cost > 0):
                return False
            spent = {"run": self._run, "calls": spent["calls"] + calls, "cost": spent["cost"] + cost}
            write_json(self._path, spent)
        return True

    def _read(self) -> dict[str, Any]:
        try:
            spent = read_json(self._path)
        except (FileNotFoundError, ValueError):
            spent = None
        if not isinstance(spent, dict) or spent.get("run") != self._run:
            return {"run": self._run, "calls": 0, "cost": 0.0}
        return spent


class ModelLayer:
    """A layer of kind ``openai``; :meth:`ask` never raises for what a server or model does wrong."""

    def __init__(
        self,
        settings: LayerSettings,
        budget: Budget,
        cache: Path | None,
        environment: Mapping[str, str] = os.environ,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._now = now
        self.settings = settings
        self._budget, self._cache, self._environment, self._sleep = budget, cache, environment, sleep
        self._down: str | None = None

    def ask(self, question: Question) -> tuple[Answer | None, Call]:
        """The layer's answer to ``question``, or ``None``, and the record of the call."""
        layer = self.settings
        call = Call(
            question.source, layer.name, layer.base_url, layer.model, question.sha256, PROMPT_VERSION, layer.currency
        )
        kept = self._kept(question)
        if kept is not None:
            call.cached, call.outcome, call.answer = True, "answered", kept.model_dump()
            return kept, call
        refused = self._refused(question)
        if refused is not None:
            call.outcome, call.error = "invalid", f"not asked again in this run: {refused}"
            return None, call
        self._down = self._down or self._budget.down(self._name, self._now())
        if self._down is not None:
            call.outcome, call.error = "unreachable", f"not asked again: {self._down}"
            return None, call
        began = time.monotonic()
        answer = self._ask(question, call)
        call.seconds = round(time.monotonic() - began, 3)
        if answer is not None:
            call.outcome, call.answer, call.error = "answered", answer.model_dump(), None
            self._keep(question, answer)
        elif call.outcome == "invalid":
            self._keep_refusal(question, str(call.error))
        if self._down is not None:
            self._budget.found_down(self._name, self._down, self._now())
        return answer, call

    @property
    def _name(self) -> str:
        return f"{self.settings.name} {self.settings.base_url} {self.settings.model}"

    def _ask(self, question: Question, call: Call) -> Answer | None:
        import openai

        client = self._client()
        for attempt in range(1, self.settings.attempts + 1):
            if not self._budget.reserve():
                call.outcome, call.error = "over_budget", "max_calls or max_cost of the run is used up"
                return None
            call.attempts = attempt
            try:
                completion = self._complete(client, question)
                self._count(completion, call)
                return read_answer(_text(completion), question)
            except Refused as problem:
                call.outcome, call.error = "invalid", str(problem)
                pause = 0.0
            except openai.APIStatusError as problem:
                call.outcome, call.error = "unreachable", _told(problem)
                if problem.status_code not in (408, 409, 429) and problem.status_code < 500:
                    self._down = call.error  # a wrong key, address or request does not mend itself
                    return None
                pause = _retry_after(problem) or min(2.0 ** (attempt - 1), _LONGEST_PAUSE)
            except (openai.APIConnectionError, openai.APIResponseValidationError) as problem:
                call.outcome, call.error = "unreachable", _told(problem)
                pause = min(2.0 ** (attempt - 1), _LONGEST_PAUSE)
            if attempt < self.settings.attempts and pause:
                self._sleep(pause)
        if call.outcome == "unreachable":
            self._down = call.error
        return None

    def _client(self) -> OpenAI:
        import openai

        layer = self.settings
        # Local servers want no key, and the client wants one.
        key = self._environment.get(layer.api_key_env, "") if layer.api_key_env else ""
        return openai.OpenAI(base_url=layer.base_url, api_key=key or "none", timeout=layer.timeout, max_retries=0)

    def _complete(self, client: OpenAI, question: Question) -> ChatCompletion:
        layer = self.settings
        form: dict[str, Any] = {}
        if layer.structured == "json_schema":
            form = {"type": "json_schema", "json_schema": {"name": "table", "schema": schema()}}
        elif layer.structured == "json_object":
            form = {"type": "json_object"}
        messages: Any = question.messages
        extra: dict[str, Any] = {"response_format": form} if form else {}
        completion: ChatCompletion = client.chat.completions.create(
            model=layer.model,
            messages=messages,
            temperature=layer.temperature,
            max_tokens=layer.max_tokens,
            **extra,
        )
        return completion

    def _count(self, completion: ChatCompletion, call: Call) -> None:
        usage = completion.usage
        if usage is None:
            return
        call.prompt_tokens = (call.prompt_tokens or 0) + (usage.prompt_tokens or 0)
        call.completion_tokens = (call.completion_tokens or 0) + (usage.completion_tokens or 0)
        layer = self.settings
        cost = (
            (usage.prompt_tokens or 0) * layer.price_input + (usage.completion_tokens or 0) * layer.price_output
        ) / 1e6
        call.cost = round(call.cost + cost, 6)
        self._budget.spend(cost)

    def _path(self, question: Question) -> Path | None:
        if self._cache is None:
            return None
        layer = self.settings
        what = f"{question.sha256}\n{layer.base_url}\n{layer.model}\n{layer.temperature}"
        return self._cache / f"{hashlib.sha256(what.encode()).hexdigest()}.json"

    def _kept(self, question: Question) -> Answer | None:
        path = self._path(question)
        if path is None:
            return None
        try:
            return read_answer(path.read_text(encoding="utf-8"), question)
        except (FileNotFoundError, Refused):
            return None

    def _refused(self, question: Question) -> str | None:
        """Why another job of this run, which asked the same, could not use the answer."""
        path = self._path(question)
        try:
            record = read_json(path.with_suffix(".refused")) if path else None
            return str(record["error"]) if record and record["run"] == self._budget.run else None
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    def _keep_refusal(self, question: Question, error: str) -> None:
        path = self._path(question)
        if path is not None and self._budget.run != NO_RUN:
            write_json(path.with_suffix(".refused"), {"run": self._budget.run, "error": error})

    def _keep(self, question: Question, answer: Answer) -> None:
        path = self._path(question)
        if path is not None:
            write_json(path, answer.model_dump())


def _text(completion: ChatCompletion) -> str:
    choices = completion.choices or []
    content = choices[0].message.content if choices and choices[0].message else None
    if not content:
        raise Refused("an empty answer")
    if choices[0].finish_reason == "length":
        raise Refused("the answer was cut off at max_tokens")
    return content


def _told(problem: Exception) -> str:
    text = " ".join(str(problem).split())[:300]
    return f"{type(problem).__name__}: {text}"


def _retry_after(problem: Any) -> float | None:
    value = problem.response.headers.get("retry-after", "")
    try:
        return min(float(value), _LONGEST_PAUSE)
    except ValueError:
        return None
