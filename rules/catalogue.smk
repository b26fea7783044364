# Needs the export receipts. Makes the catalogue and the data package of all that is exported.


rule catalogue:
    input:
        receipts=due_receipts,
    output:
        catalog=update("output/catalog.parquet"),
        datapackage=update("output/datapackage.json"),
    log:
        "logs/catalogue.log",
    conda:
        "../envs/datawarp.yaml"
    message:
        "catalogue"
    script:
        "../scripts/catalogue.py"


for code in REGISTRY.publications:

    rule:
        name:
            code
        input:
            str(REGISTRY.path),
            due_targets_of(code),
        localrule: True
        message:
            f"all pending units of {code} are done"
