"""``config/config.yaml``: how an installation runs, as opposed to what it collects."""

from __future__ import annotations

from pydantic import Field

from datawarp.registry.models import Model


class HttpSettings(Model):
    """How the network is used."""

    user_agent: str = Field(
        default="DataWarp/0.1 (official statistics collector)", description="Sent with every request."
    )
    connect_timeout: float = Field(default=20, description="Seconds to wait for a connection.")
    read_timeout: float = Field(default=120, description="Seconds to wait for the next bytes.")
    attempts: int = Field(default=5, ge=1, description="Tries per request, the first included.")
    backoff: float = Field(default=1.0, ge=0, description="Seconds before the second try; doubles each time.")
    max_wait: float = Field(default=120, description="Longest wait between tries, Retry-After included, seconds.")
    max_bytes: int = Field(default=4_000_000_000, description="Largest file taken.")
    max_unpacked_bytes: int = Field(default=20_000_000_000, description="Most bytes an archive may unpack to.")


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


class Settings(Model):
    """The whole configuration. Every value has a default; command-line ``--config`` overrules.

    Later capabilities add their own sections here, each a model with a description.
    """

    publications: str = Field(
        default="config/publications.yaml", description="The registry, relative to the run's folder."
    )
    full_dag: bool = Field(
        default=False, description="Let Snakemake itself look at every unit; `all` else lists the pending ones."
    )
    replay: bool = Field(default=False, description="A refresh works on the retained downloads, without the network.")
    reason: str = Field(default="", description="Why a refresh is asked for; kept in tbl_refresh_events.")
    http: HttpSettings = HttpSettings()
    alerts: AlertSettings = AlertSettings()
    backfill: BackfillSettings = BackfillSettings()
