"""What surrounds the work of every job: its log, its failure record, its exit status."""

from __future__ import annotations

import logging
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datawarp.errors import DatawarpError
from datawarp.lean import leave_out_pandas
from datawarp.operations import failures
from datawarp.operations.batch import RunStopped, stop_when_too_many_fail
from datawarp.operations.intents import fulfil
from datawarp.operations.run_record import read_run_record
from datawarp.operations.times import record_time
from datawarp.registry.models import Unit
from datawarp.registry.paths import Paths
from datawarp.registry.settings import Settings, read_settings

if TYPE_CHECKING:
    from datawarp.registry.registry import Registry

logger = logging.getLogger("datawarp")


@dataclass(frozen=True)
class Job:
    """What a rule's script works with; ``subject`` is the unit's name, or ``_<rule>`` without a unit."""

    snakemake: Any
    subject: str
    paths: Paths
    log: Path

    @cached_property
    def unit(self) -> Unit:
        """The unit in the rule's params."""
        return Unit.model_validate(self.snakemake.params.unit)

    @cached_property
    def settings(self) -> Settings:
        """The configuration that Snakemake put together."""
        return read_settings(None, self.snakemake.config)

    @cached_property
    def registry(self) -> Registry:
        """The registry that the configuration names."""
        from datawarp.registry.registry import read_registry  # jobs of a unit have their part of it in their params

        return read_registry(self.settings.registry(self.paths.root))


@contextmanager
def stage(snakemake: Any, name: str) -> Iterator[Job]:
    """Run the block as the job of stage (or rule) ``name``.

    Takes the ``snakemake`` object of a script. Messages of the library's loggers go to the rule's log
    file. A :class:`DatawarpError` ends the process with status 1 after one clear text on the terminal,
    in the log and in the unit's failure record; any other exception keeps its traceback in the log.
    """
    leave_out_pandas()
    paths = Paths.here()
    log = Path(snakemake.log[0])
    subject = _subject(snakemake, name)
    job = Job(snakemake, subject, paths, log)
    with _logging_to(log):
        began = time.monotonic()
        if not subject.startswith("_"):
            _go_on_or_leave(job)
        failures.begin(subject, name, paths)
        try:
            yield job
        except DatawarpError as problem:
            logger.error("%s", problem)
            _report(subject, name, paths, log, problem)
        except Exception as fault:
            logger.error("%s", traceback.format_exc())
            _report(
                subject,
                name,
                paths,
                log,
                DatawarpError(
                    f"the program failed: {type(fault).__name__}: {fault}",
                    hint=f"the log {log} has the details; please report them",
                ),
                error=type(fault).__name__,
            )
        failures.succeed(subject, name, paths)
        fulfil(subject, name, paths)
        took = time.monotonic() - began
        if name in failures.STAGES:
            record_time(name, subject, took, paths)
        logger.info("%s of %s done in %.2f s", name, subject, took)


def _go_on_or_leave(job: Job) -> None:
    """End the process, the unit untouched, when too much of the run has failed for going on to make sense."""
    try:
        stop_when_too_many_fail(read_run_record(job.paths), job.settings.backfill, job.paths)
    except RunStopped as stop:
        logger.error("%s", stop)
        sys.stderr.write(f"\nnot begun: {stop}\n")
        raise SystemExit(1) from None


def _subject(snakemake: Any, name: str) -> str:
    """The unit's name, or ``_<rule>`` for a job that changes no unit."""
    of = snakemake.wildcards
    return f"{of.publication}_{of.period}" if name in failures.OF_A_UNIT else f"_{name}"


def _report(subject: str, name: str, paths: Paths, log: Path, problem: DatawarpError, error: str | None = None) -> None:
    told = (error or type(problem).__name__, problem.message, problem.where, problem.hint)
    if name in failures.STANDING:
        failure = failures.fail(subject, name, paths, str(log), *told)
    else:
        failure = failures.passing(subject, name, paths, str(log), *told)
    sys.stderr.write(f"\n{headline(failure)}\n{indented(failure.text)}\n  log: {log}\n\n")
    raise SystemExit(1)


def headline(failure: failures.Failure) -> str:
    """``adhd_aug25: load failed``, or ``catalogue failed``."""
    return f"{failure.unit[1:]} failed" if failure.unit.startswith("_") else f"{failure.unit}: {failure.stage} failed"


def indented(text: str) -> str:
    """``text`` with every line moved in by two blanks."""
    return "\n".join(f"  {line}" for line in text.splitlines())


@contextmanager
def _logging_to(log: Path) -> Iterator[None]:
    log.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(log, mode="w", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        root.setLevel(level)
        root.removeHandler(handler)
        handler.close()
