# Needs a unit's review and manifests, and the database when it is loaded. Carries out what a person decided in
# manifests/review/<unit>.yaml: approve accepts every open question as the file proposes, reject turns them down.
# Options: who (default: the user), reason (kept as a note).

# A decision that was killed half-way is brought into the manifests; what it has to load again is pending then.
# A dry run (-n, also in -np; Snakemake's own parser tells) changes nothing.
if any((PATHS.private / "approvals").glob("*.json")):
    from datawarp.lifecycle.approve import finish_interrupted
    from snakemake.cli import get_argument_parser

    if not get_argument_parser().parse_known_args()[0].dryrun:
        finish_interrupted(PATHS)


# Only those that were typed, as for refreshes. One loop each: a script's path is looked up when its job runs.
for typed, unit in asked_for("approve").items():

    rule:
        name:
            f"approve_{typed}"
        log:
            f"logs/approve/{unit}.log",
        localrule: True
        conda:
            "../envs/datawarp.yaml"
        params:
            unit=PLAN.slice_of(unit),
        message:
            f"approve {unit}"
        script:
            "../scripts/approve.py"


for typed, unit in asked_for("reject").items():

    rule:
        name:
            f"reject_{typed}"
        log:
            f"logs/reject/{unit}.log",
        localrule: True
        conda:
            "../envs/datawarp.yaml"
        params:
            unit=PLAN.slice_of(unit),
        message:
            f"reject {unit}"
        script:
            "../scripts/reject.py"
