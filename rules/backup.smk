# Needs the database. `backup` makes archive/backups/<date>/…; `restore_backup` makes the database what a backup has.
# Options of the latter: backup, from.


rule backup:
    log:
        "logs/backup.log",
    conda:
        "../envs/datawarp.yaml"
    params:
        project=str(workflow.basedir),
    message:
        "backup"
    script:
        "../scripts/backup.py"


rule restore_backup:
    log:
        "logs/restore_backup.log",
    conda:
        "../envs/datawarp.yaml"
    params:
        project=str(workflow.basedir),
    message:
        "restore the database from a backup"
    script:
        "../scripts/restore_backup.py"
