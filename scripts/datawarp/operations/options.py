"""Options of a single run: ``--config`` values that no file holds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from datawarp.errors import RegistryError


@dataclass(frozen=True)
class Options:
    """``full_dag`` lets Snakemake look at every unit; ``replay`` refreshes from retained bytes;
    ``retry`` is ``due`` for a night, which leaves failed units alone until their time has come.
    ``reason`` and ``who`` say why and by whom a refresh is asked for.
    """

    full_dag: bool = False
    replay: bool = False
    retry: Literal["all", "due"] = "all"
    reason: str = ""
    who: str = ""


def read_options(config: Mapping[str, Any]) -> Options:
    """The options in Snakemake's ``config``; raises :class:`RegistryError` for a value that cannot be meant."""
    retry = str(config.get("retry", "all"))
    if retry not in ("all", "due"):
        raise RegistryError(f"expected retry=all or retry=due, found retry={retry}", where="--config")
    return Options(
        full_dag=flag(config, "full_dag"),
        replay=flag(config, "replay"),
        retry="due" if retry == "due" else "all",
        reason=str(config.get("reason", "")),
        who=str(config.get("who", "")),
    )


def bare_words(arguments: Iterable[str]) -> list[str]:
    """The words of a command line that may be targets: no options, no files, no settings; each once."""
    return list(dict.fromkeys(word for word in arguments if re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", word)))


def is_target(word: str, command: Sequence[str]) -> bool:
    """Whether ``word`` is a target in ``command``, a call of Snakemake, and not the value of one of its options."""
    if "snakemake" not in command[0]:
        return False  # somebody else's program, driving Snakemake as a library
    from snakemake.cli import get_argument_parser

    try:
        return word in get_argument_parser().parse_known_args(list(command[1:]))[0].targets
    except SystemExit:
        return False


def flag(config: Mapping[str, Any], key: str) -> bool:
    """Whether the option ``key`` is set to true."""
    value = str(config.get(key, "false")).lower()
    if value not in ("true", "false"):
        raise RegistryError(f"expected {key}=true or {key}=false, found {key}={config[key]}", where="--config")
    return value == "true"


def names(config: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """The names in an option such as ``pub=adhd,msa``; none when it is not given."""
    return tuple(filter(None, str(config.get(key, "")).replace(" ", "").split(",")))


def text(config: Mapping[str, Any], key: str) -> str | None:
    """The option ``key`` as text; None when it is not given."""
    return None if config.get(key) is None else str(config[key])


def required(config: Mapping[str, Any], key: str) -> str:
    """The option ``key``, without which the command means nothing."""
    value = text(config, key)
    if not value:
        raise RegistryError(f"{key} is missing", where="--config", hint=f"add {key}=… to --config")
    return value


def whole_number(config: Mapping[str, Any], key: str) -> int:
    """The option ``key`` as a whole number."""
    value = required(config, key)
    if not value.isdigit():
        raise RegistryError(f"expected a whole number, found {key}={value}", where="--config")
    return int(value)
