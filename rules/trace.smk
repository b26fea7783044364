# Needs the database and the retained download. Prints the cells that a row came from: source, period, row.


rule trace:
    log:
        "logs/trace.log",
    localrule: True
    conda:
        "../envs/datawarp.yaml"
    message:
        "where a row came from"
    script:
        "../scripts/trace.py"
