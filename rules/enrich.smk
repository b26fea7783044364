# Needs the pending manifest. Makes the enriched manifest: what the tables mean and which source they belong to.


rule enrich:
    input:
        manifest=DRAFT,
    output:
        manifest=update(ENRICHED),
    log:
        "logs/enrich/{publication}_{period}.log",
    priority: 30
    conda:
        "../envs/datawarp.yaml"
    resources:
        llm=PLAN.calls_to_models,
    params:
        unit=unit_slice,
    message:
        "enrich {wildcards.publication}_{wildcards.period}"
    script:
        "../scripts/enrich.py"
