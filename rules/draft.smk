# Needs the receipt, and the files it names. Makes the pending manifest: which tables the files hold.


rule draft:
    input:
        receipt=RECEIPT,
    output:
        manifest=update(DRAFT),
    log:
        "logs/draft/{publication}_{period}.log",
    priority: 40
    conda:
        "../envs/datawarp.yaml"
    params:
        unit=unit_slice,
    message:
        "draft {wildcards.publication}_{wildcards.period}"
    script:
        "../scripts/draft.py"
