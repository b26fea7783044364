# Needs the archive on this disk, or a bucket. Brings a unit's files and rows back into use. Option: from.
from datawarp.lifecycle.targets import restored_units


rule restore_all:
    log:
        "logs/restore_all.log",
    conda:
        "../envs/datawarp.yaml"
    params:
        project=str(workflow.basedir),
    message:
        "restore all that the bucket has"
    script:
        "../scripts/restore_all.py"


# Only those that were typed: a rule for each of thousands of units would cost seconds a call.
for unit in restored_units(sys.argv[1:], PATHS, REGISTRY):

    rule:
        name:
            f"restore_{unit}"
        log:
            f"logs/restore/{unit}.log",
        conda:
            "../envs/datawarp.yaml"
        params:
            restored=unit,
            project=str(workflow.basedir),
        message:
            f"restore {unit}"
        script:
            "../scripts/restore.py"
