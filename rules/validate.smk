# Needs the database. Checks database, files and receipts against each other, into output/validation.json;
# quick=true leaves the bytes of downloads and Parquet unread.


rule validate:
    log:
        "logs/validate.log",
    localrule: True
    conda:
        "../envs/datawarp.yaml"
    message:
        "database, files and receipts against each other"
    script:
        "../scripts/validate.py"
