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


class Settings(Model):
    """The whole configuration. Every value has a default; command-line ``--config`` overrules.

    Later capabilities add their own sections here, each a model with a description.
    """

    publications: str = Field(
        default="config/publications.yaml", description="The registry, relative to the run's folder."
    )
    http: HttpSettings = HttpSettings()
