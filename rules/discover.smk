# Needs the registry, and the network. Makes nothing that other rules use: prints what publishers have
# put up or changed, and keeps it in output/updates.json and output/discovered.json.


rule check_updates:
    log:
        "logs/check_updates.log",
    localrule: True
    conda:
        "../envs/datawarp.yaml"
    message:
        "ask publishers what has changed since it was downloaded"
    script:
        "../scripts/check_updates.py"


rule discover:
    log:
        "logs/discover.log",
    localrule: True
    conda:
        "../envs/datawarp.yaml"
    message:
        "read landing pages for releases that the registry lacks"
    script:
        "../scripts/discover.py"
