# Needs a unit's newest manifest and its download. Makes a page that shows each sheet beside the tables found on it.


rule preview:
    input:
        manifest=newest_manifest,
    output:
        page="output/preview/{publication}_{period}.html",
    log:
        "logs/preview/{publication}_{period}.log",
    conda:
        "../envs/datawarp.yaml"
    params:
        unit=unit_slice,
    message:
        "preview {wildcards.publication}_{wildcards.period}"
    script:
        "../scripts/preview.py"


# Only those that were typed, as for refreshes.
for typed, unit in asked_for("preview").items():

    rule:
        name:
            f"preview_{typed}"
        input:
            f"output/preview/{unit}.html",
        localrule: True
        message:
            f"the page is output/preview/{unit}.html"
