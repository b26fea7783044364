# Needs the rows in the database. Makes Parquet and metadata of the unit's sources, and the receipt that lists them.


rule export:
    input:
        marker=LOADED,
    output:
        receipt=update(EXPORTED),
    log:
        "logs/export/{publication}_{period}.log",
    priority: 10
    conda:
        "../envs/datawarp.yaml"
    params:
        unit=unit_slice,
    message:
        "export {wildcards.publication}_{wildcards.period}"
    script:
        "../scripts/export.py"
