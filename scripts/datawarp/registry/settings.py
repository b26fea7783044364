"""``config/config.yaml``: how an installation runs, as opposed to what it collects."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from datawarp.errors import RegistryError
from datawarp.registry.models import Model
from datawarp.registry.problems import Problem, did_you_mean, model_problems

COMMAND_OPTIONS = frozenset(
    {"execute", "verbose", "skip", "older_than", "purge_db", "to", "delete_local", "strategy", "pub", "since", "until"}
    | {"max_units", "write", "who", "backup", "from", "verify", "reason", "replay", "retry", "full_dag"}
    | {"source", "period", "row", "quick"}
)
"""Options of single commands (``--config execute=true``): given on the command line, never in the file."""


class HttpSettings(Model):
    """How the network is used."""

    user_agent: str = Field(
        default="DataWarp/0.1 (official statistics collector)", description="Sent with every request."
    )
    connect_timeout: float = Field(default=20, description="Seconds to wait for a connection.")
    read_timeout: float = Field(default=120, description="Seconds to wait for the next bytes.")
    total_timeout: float = Field(default=3600, gt=0, description="Seconds that one file may take in all.")
    attempts: int = Field(default=5, ge=1, description="Tries per request, the first included.")
    backoff: float = Field(default=1.0, ge=0, description="Seconds before the second try; doubles each time.")
    max_wait: float = Field(default=120, description="Longest wait between tries, Retry-After included, seconds.")
    host_delay: float = Field(
        default=0.2, ge=0, description="Seconds between two requests to one host, over all jobs; not for this machine."
    )
    max_redirects: int = Field(default=10, ge=0, description="Redirects followed for one address.")
    max_bytes: int = Field(default=4_000_000_000, gt=0, description="Largest file taken.")
    max_unpacked_bytes: int = Field(default=20_000_000_000, gt=0, description="Most bytes an archive may unpack to.")


class AlertSettings(Model):
    """Who hears of a unit that fails or recovers.

    The addresses of the channels hold secrets and come from the environment: ``DATAWARP_WEBHOOK_URL``
    (Slack's format) and ``DATAWARP_SMTP_URL`` (``smtp://user:password@host:587``, ``smtps://`` for TLS from the start).
    """

    mail_from: str = Field(default="datawarp@localhost", description="Sender of the mails.")
    mail_to: list[str] = Field(default=[], description="Who gets a mail.")
    timeout: float = Field(default=15, gt=0, description="Seconds that a channel may take.")


class BackfillSettings(Model):
    """Limits of a large run."""

    max_units: int | None = Field(default=None, ge=1, description="Most units that one run takes on.")
    failure_threshold: float = Field(
        default=0.1, gt=0, le=1, description="Share of a run's units that may fail before the run is stopped."
    )
    min_failures: int = Field(default=5, ge=1, description="Failures below which a run is never stopped.")


class ExportSettings(Model):
    """What is kept of the Parquet files that an export replaces."""

    versions: int = Field(
        default=3, ge=0, description="Earlier versions of each Parquet file kept under output/.versions/."
    )


class LayerSettings(Model):
    """One layer of enrichment: a model behind an OpenAI-compatible address, or the rules."""

    name: str = Field(min_length=1, description="How records and reviews call it.")
    kind: Literal["openai", "rules"] = Field(default="openai", description="A model's endpoint, or the rules.")
    base_url: str = Field(default="https://api.openai.com/v1", description="Endpoint, up to and with its version.")
    model: str = Field(default="", description="The model's name there.")
    api_key_env: str | None = Field(default=None, description="Environment variable that holds the key.")
    weight: float = Field(default=1.0, gt=0, description="Weight of its votes.")
    timeout: float = Field(default=120, gt=0, description="Seconds to wait for an answer.")
    attempts: int = Field(default=3, ge=1, description="Tries per question: rate limits, errors, malformed answers.")
    max_tokens: int = Field(default=2000, ge=1, description="Longest answer, in tokens.")
    temperature: float = Field(default=0.0, ge=0, description="Sampling temperature.")
    structured: Literal["json_schema", "json_object", "none"] = Field(
        default="json_schema", description="How the endpoint is told the form of the answer."
    )
    columns_per_question: int = Field(default=30, ge=1, description="Larger tables are asked about in pieces.")
    price_input: float = Field(default=0, ge=0, description="Price of a million tokens sent.")
    price_output: float = Field(default=0, ge=0, description="Price of a million tokens answered.")
    currency: str = Field(default="USD", description="Currency of the prices.")


class EnrichmentSettings(Model):
    """How tables and columns get their meaning."""

    layers: list[LayerSettings] = Field(
        default=[LayerSettings(name="rules", kind="rules")],
        description="Who is asked about what no reference knows. The rules always answer, listed or not.",
    )
    agreement: float = Field(
        default=0.6, ge=0, le=1, description="Share of votes that a value needs; below it a person is asked."
    )
    max_calls: int = Field(default=200, ge=0, description="Most questions to models per run.")
    max_cost: float = Field(default=5.0, ge=0, description="Most that a run may spend, in the layers' currency.")
    cache: bool = Field(default=True, description="Whether answers are kept and used again.")
    patience: float = Field(
        default=1800, ge=0, description="Seconds without any sign of life after which no earlier release is awaited."
    )


class Settings(Model):
    """The whole configuration. Every value has a default; command-line ``--config`` overrules.

    Later capabilities add their own sections here, each a model with a description.
    """

    publications: str = Field(
        default="config/publications.yaml", description="The registry, relative to the run's folder."
    )
    http: HttpSettings = HttpSettings()
    alerts: AlertSettings = AlertSettings()
    backfill: BackfillSettings = BackfillSettings()
    export: ExportSettings = ExportSettings()
    enrichment: EnrichmentSettings = EnrichmentSettings()

    def registry(self, root: Path) -> Path:
        """The registry's file for a run in the folder ``root``; relative addresses in it start from its folder."""
        return root / self.publications


def read_settings(path: Path | None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """The configuration in ``path`` (defaults alone without one), overruled by ``overrides``.

    ``overrides`` is what ``--config`` gave, or Snakemake's whole ``config``; sections are joined key by
    key. :data:`COMMAND_OPTIONS` among them are left to their commands. Raises one
    :class:`RegistryError` with everything that is wrong.
    """
    written = _written(path) if path is not None else {}
    given = {key: value for key, value in (overrides or {}).items() if key not in COMMAND_OPTIONS}
    settings, problems = model_problems(Settings, _joined(written, given))
    if settings is None:
        raise RegistryError(
            "\n  ".join(_told(problem) for problem in problems),
            where="--config",
            hint="see docs/reference/configuration.md",
        )
    return settings


def _written(path: Path) -> dict[str, Any]:
    """What stands in ``path``, which is sound by itself."""
    from datawarp.registry.document import Document  # a job, which gets its configuration from Snakemake, needs no YAML

    document = Document.read(path)
    _, problems = model_problems(Settings, document.data)
    if problems:
        document.fail(problems)
    return document.data


def _told(problem: Problem) -> str:
    key = str(problem.location[-1]) if problem.location else ""
    hint = did_you_mean(key, [*Settings.model_fields, *sorted(COMMAND_OPTIONS)]) if problem.at_key else problem.hint
    return f"{problem.message} ({hint})" if hint else problem.message


def _joined(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    joined = dict(under)
    for key, value in over.items():
        below = joined.get(key)
        joined[key] = _joined(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return joined
