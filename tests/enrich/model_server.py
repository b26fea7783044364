"""A local server that speaks the dialects of OpenAI, of Gemini's OpenAI endpoint and of Ollama, faults included."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

Reply = Callable[["Handler", dict[str, Any]], None]


class ModelServer:
    """Answers chat completions with ``script`` (then ``always``), and remembers what it was asked."""

    def __init__(self, dialect: str = "openai") -> None:
        self.dialect = dialect
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.script: list[Reply] = []
        self.always: Reply = describe
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.model = self  # type: ignore[attr-defined]

    @property
    def base_url(self) -> str:
        """Where the endpoint of this dialect lies."""
        path = {"openai": "/v1", "gemini": "/v1beta/openai/", "ollama": "/v1"}[self.dialect]
        return f"http://127.0.0.1:{self._server.server_port}{path}"

    @contextmanager
    def running(self) -> Iterator[ModelServer]:
        thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()


class Handler(BaseHTTPRequestHandler):
    """One request."""

    def do_POST(self) -> None:
        server: ModelServer = self.server.model  # type: ignore[attr-defined]
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        expected = {"gemini": "/v1beta/openai/chat/completions"}.get(server.dialect, "/v1/chat/completions")
        if self.path != expected:
            self.send(404, {"error": {"message": f"no such path: {self.path}"}})
            return
        server.requests.append(body)
        server.headers.append({k.lower(): v for k, v in self.headers.items()})
        reply = server.script.pop(0) if server.script else server.always
        reply(self, body)

    def send(self, status: int, document: Any, headers: dict[str, str] | None = None) -> None:
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.send_response(status)
        for name, value in {
            "Content-Type": "application/json",
            "Content-Length": str(len(data)),
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def say(self, content: str | None, finish: str = "stop") -> None:
        """A completion with ``content``, in the dialect's form."""
        dialect = self.server.model.dialect  # type: ignore[attr-defined]
        document: dict[str, Any] = {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "m",
            "choices": [{"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": content}}],
        }
        if dialect == "openai":
            document |= {
                "usage": {"prompt_tokens": 400, "completion_tokens": 100, "total_tokens": 500},
                "system_fingerprint": "fp",
            }
        elif dialect == "gemini":
            document |= {"usage": {"prompt_tokens": 400, "completion_tokens": 100, "total_tokens": 900}}
            document["choices"][0]["message"]["extra_content"] = {"google": {"thought_signature": "x"}}
        self.send(200, document)

    def log_message(self, format: str, *args: Any) -> None:
        """The tests' output stays quiet."""


def asked(body: dict[str, Any]) -> dict[str, Any]:
    """The document that the question holds."""
    found = re.search(r"<<<DATA\n(.*)\nDATA>>>", body["messages"][-1]["content"], re.S)
    assert found
    return dict(json.loads(found[1]))


def answer_to(document: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A sensible answer to a question."""
    columns = [
        {
            "name": c["name"],
            "semantic_name": re.sub(r"[^a-z0-9]+", "_", f"model_{c['name']}".lower()).strip("_"),
            "description": f"What the model says of {c['name']}.",
            "role": "dimension" if c["type"] == "text" else "measure",
            "keywords": ["modelled"],
        }
        for c in document["columns"]
    ]
    return {
        "description": "A table described by a model.",
        "record_type": "aggregate",
        "granularity": "provider by month",
        "columns": columns,
        **changes,
    }


def describe(handler: Handler, body: dict[str, Any]) -> None:
    """The usual answer; Ollama's models like to fence it."""
    text = json.dumps(answer_to(asked(body)))
    handler.say(f"```json\n{text}\n```" if handler.server.model.dialect == "ollama" else text)  # type: ignore[attr-defined]


def saying(text: str | None, finish: str = "stop") -> Reply:
    """A reply with just this text."""
    return lambda handler, body: handler.say(text, finish)


def failing(status: int, **headers: str) -> Reply:
    """An HTTP error."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda handler, body: handler.send(status, {"error": {"message": f"failed with {status}"}}, named)


def hanging_up(handler: Handler, body: dict[str, Any]) -> None:
    """The connection is dropped without an answer."""
    handler.close_connection = True
    handler.connection.close()
