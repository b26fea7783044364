# Needs the database and the manifests. Makes the .loaded files say what the database in use holds.


rule adopt:
    log:
        "logs/adopt.log",
    localrule: True
    conda:
        "../envs/datawarp.yaml"
    message:
        "markers from what the database holds"
    script:
        "../scripts/adopt.py"
