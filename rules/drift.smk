# Needs the database and the manifests. Prints what changed between two periods: pub, from, to (the newest two without).


rule drift:
    log:
        "logs/drift.log",
    localrule: True
    conda:
        "../envs/datawarp.yaml"
    message:
        "what changed between two periods"
    script:
        "../scripts/drift.py"
