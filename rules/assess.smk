# Needs the registry. Prints what a backfill would do, whether there is room and how long it will take;
# strategy=, pub=, since=, until= and max_units= narrow it as they do for `all`.


rule assess:
    log:
        "logs/assess.log",
    localrule: True
    conda:
        "../envs/datawarp.yaml"
    params:
        cores=workflow.cores,
    message:
        "gaps, room, time and plan of a backfill"
    script:
        "../scripts/assess.py"
