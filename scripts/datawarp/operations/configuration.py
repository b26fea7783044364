"""Settings out of the configuration that Snakemake put together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from datawarp.errors import RegistryError
from datawarp.registry.settings import Settings


def settings_from(config: Mapping[str, Any]) -> Settings:
    """``config`` (files, then ``--config``) as :class:`Settings`; raises naming every key that is wrong."""
    try:
        return Settings.model_validate(dict(config))
    except ValidationError as problem:
        lines = [f"{'.'.join(map(str, e['loc']))}: {e['msg']} (found {e['input']!r})" for e in problem.errors()]
        raise RegistryError(
            "the configuration cannot be used:\n" + "\n".join(lines),
            where="config/config.yaml or --config",
            hint="docs/reference/configuration.md lists every key",
        ) from None
