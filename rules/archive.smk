# Needs units that are exported. Moves those that are old to archive/, and records that they are there: what is
# archived is not pending. Options: older_than, purge_db; rules: config/retention.yaml.


rule archive:
    log:
        "logs/archive.log",
    conda:
        "../envs/datawarp.yaml"
    params:
        project=str(workflow.basedir),
    message:
        "archive"
    script:
        "../scripts/archive.py"
