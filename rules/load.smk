# Needs the enriched manifest. Makes the unit's rows in the database, and the marker that says so.


rule load:
    input:
        manifest=ENRICHED,
    output:
        marker=update(LOADED),
    log:
        "logs/load/{publication}_{period}.log",
    priority: 20
    conda:
        "../envs/datawarp.yaml"
    params:
        unit=unit_slice,
        corrections=corrections_of,
    message:
        "load {wildcards.publication}_{wildcards.period}"
    script:
        "../scripts/load.py"
