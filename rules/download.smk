# Needs the unit's entry in the registry. Makes its receipt; the bytes go to downloads/store.


rule download:
    input:
        stamp=newest_stamp,
    output:
        receipt=update(RECEIPT),
    log:
        "logs/download/{publication}_{period}.log",
    priority: 50
    conda:
        "../envs/datawarp.yaml"
    resources:
        downloads=1,
    params:
        unit=unit_slice,
    message:
        "download {wildcards.publication}_{wildcards.period}"
    script:
        "../scripts/download.py"
