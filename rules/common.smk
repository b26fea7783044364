# What the other rules share: the configuration, the registry, and which files are asked for.
import os
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

sys.path.insert(0, f"{workflow.basedir}/scripts")

import datawarp.lean  # first of all: it keeps what follows from loading what nothing here needs
from datawarp.errors import DatawarpError
from datawarp.operations import driver
from datawarp.operations.options import bare_words, is_target
from datawarp.registry.paths import Paths

# The project's own configuration, overruled by that of the folder the run is in.
try:
    config_files = driver.config_files(Path(workflow.basedir), Path.cwd())
except DatawarpError as problem:
    raise WorkflowError(str(problem))

for file in config_files:

    configfile: file


PATHS = Paths.here()
RECEIPT = "downloads/receipts/{publication}/{publication}_{period}.json"
DRAFT = "manifests/pending/{publication}/{publication}_{period}.yaml"
ENRICHED = "manifests/active/{publication}/{publication}_{period}.enriched.yaml"
LOADED = "manifests/active/{publication}/{publication}_{period}.loaded"
EXPORTED = "output/receipts/{publication}/{publication}_{period}.json"
STAMP = ".datawarp/refresh/{publication}_{period}/{publication}_{period}@{run}.json"
REFRESHED = ".datawarp/refresh/{publication}_{period}/{publication}_{period}@{run}.done"


wildcard_constraints:
    publication="[a-z][a-z0-9_]*",
    period="[a-z0-9-]+",
    run="[0-9TZ]+",


try:
    PLAN = driver.Plan.of(
        config, PATHS, typed_in=Path(os.environ.get("PWD", ".")), arguments=sys.argv[1:]
    )
except DatawarpError as problem:
    raise WorkflowError(str(problem))

REGISTRY = PLAN.registry
# Jobs find it there, wherever the command was typed.
config["publications"] = str(REGISTRY.path)


def unit_slice(wildcards):
    """The unit's own part of the registry, which its jobs depend on and nothing else."""
    return PLAN.slice_of(f"{wildcards.publication}_{wildcards.period}")


def corrections_of(wildcards):
    """The version of the unit's corrections, which its load depends on."""
    try:
        return PLAN.corrections_of(f"{wildcards.publication}_{wildcards.period}")
    except DatawarpError as problem:
        raise WorkflowError(str(problem))


def newest_stamp(wildcards):
    """The stamp of the unit's last refresh: the one asked for now, or one from before."""
    return PLAN.stamp(f"{wildcards.publication}_{wildcards.period}")


def due_targets(wildcards):
    """What `all` asks for: the last files of the pending units, and the catalogue when it will be stale."""
    try:
        return PLAN.targets()
    except DatawarpError as problem:
        raise WorkflowError(str(problem))


def due_targets_of(only):
    """The same of one publication or unit, without the catalogue, which the end of the run sees to."""

    def due(wildcards):
        try:
            return PLAN.targets(only)
        except DatawarpError as problem:
            raise WorkflowError(str(problem))

    return due


def due_receipts(wildcards):
    """The export receipts that are newer than the catalogue, or will be."""
    return PLAN.receipts()


def newest_manifest(wildcards):
    """The unit's enriched manifest where it has one, or else its draft."""
    enriched = PATHS.enriched_manifest(f"{wildcards.publication}_{wildcards.period}")
    return ENRICHED if enriched.is_file() else DRAFT


def asked_for(target):
    """The units of `<target>_<unit>` among the words of the command: as typed, and as the registry names them."""
    typed = [
        word.removeprefix(f"{target}_").rstrip(":")
        for word in sys.argv[1:]
        if word.startswith(f"{target}_")
    ]
    try:
        return {name: REGISTRY.unit(name).name for name in typed}
    except DatawarpError as problem:
        raise WorkflowError(str(problem))


def refuse_target(word):
    """Raise when ``word``, which names nothing, is asked for, and is not the value of an option."""
    if is_target(word, sys.argv):
        known = [rule.name for rule in workflow.rules]
        raise WorkflowError(str(PLAN.no_such_target(word, known)))


def look_when_a_job_ends():
    """Have Snakemake look for jobs to start when one has ended, and no more.

    Its limit of 100 new jobs a second, which no local run comes near to, makes it look again a second after every look,
    from where it looks again: in a long run hundreds of times a second, while the jobs need the processor.
    """
    limiter = getattr(workflow.scheduler, "job_rate_limiter", None)
    if (
        limiter
        and workflow.local_exec
        and (limiter.max_jobs, limiter.timespan) == (100, 1)
    ):
        workflow.scheduler.job_rate_limiter = None


def begin_run():
    """Before the first job: the record of the run, and the database when a job needs it."""
    look_when_a_job_ends()
    try:
        PLAN.begin(
            (job.rule.name, job.params.get("unit"))
            for job in workflow.dag.needrun_jobs()
        )
    except DatawarpError as problem:
        raise WorkflowError(str(problem))
