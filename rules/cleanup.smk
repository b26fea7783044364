# Needs nothing. Reports what nobody refers to any more, and with execute=true moves files of it to archive/ and
# takes the rest out of the database. Options: execute, verbose, skip.


rule cleanup:
    log:
        "logs/cleanup.log",
    conda:
        "../envs/datawarp.yaml"
    params:
        project=str(workflow.basedir),
    message:
        "cleanup"
    script:
        "../scripts/cleanup.py"
