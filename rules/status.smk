# Needs nothing. Prints how far every publication is, and what failed and why.


rule status:
    log:
        "logs/status.log",
    localrule: True
    conda:
        "../envs/datawarp.yaml"
    message:
        "status"
    script:
        "../scripts/status.py"
