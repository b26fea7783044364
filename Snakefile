# DataWarp: from releases of official statistics to a warehouse, Parquet and a catalogue.
# What each rule makes is in docs/reference/targets.md; how the parts fit is in docs/architecture.md.
from snakemake.utils import min_version

min_version("9.11")


include: "rules/common.smk"
include: "rules/download.smk"
include: "rules/draft.smk"
include: "rules/enrich.smk"
include: "rules/load.smk"
include: "rules/export.smk"
include: "rules/catalogue.smk"
include: "rules/refresh.smk"
include: "rules/cleanup.smk"
include: "rules/archive.smk"
include: "rules/sync.smk"
include: "rules/restore.smk"
include: "rules/backup.smk"
include: "rules/adopt.smk"
include: "rules/assess.smk"
include: "rules/discover.smk"
include: "rules/status.smk"
include: "rules/preview.smk"
include: "rules/review.smk"
include: "rules/validate.smk"
include: "rules/drift.smk"
include: "rules/trace.smk"


rule all:
    default_target: True
    input:
        str(REGISTRY.path),
        due_targets,
    localrule: True
    message:
        "all pending units are done"


# After all rules: it looks at the words that name none of them.
include: "rules/named.smk"


onstart:
    begin_run()


onsuccess:
    PLAN.end()


onerror:
    PLAN.end()
