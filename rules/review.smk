# Needs a unit's review and manifests, and the database when it is loaded. Carries out what a person decided in
# manifests/review/<unit>.yaml: approve accepts every open question as the file proposes, reject turns them down.
# Options: who (default: the user), reason (kept as a note).

# Only those that were typed, as for refreshes.
for verdict in ("approve", "reject"):
    for typed, unit in asked_for(verdict).items():

        rule:
            name:
                f"{verdict}_{typed}"
            log:
                f"logs/{verdict}/{unit}.log",
            localrule: True
            params:
                unit=PLAN.slice_of(unit),
                registry=str(REGISTRY.path),
            message:
                f"{verdict} {unit}"
            script:
                f"../scripts/{verdict}.py"
