# Needs a unit that is to be redone. Makes a stamp, which its download depends on, and at the end the
# record that the refresh is through. `all` asks anew for a refresh that has a stamp and no such record.


# Neither has params: when the registry changes, a stamp of old must not be made again.
rule request_refresh:
    output:
        stamp=STAMP,
    log:
        "logs/request_refresh/{publication}_{period}@{run}.log",
    priority: 60
    conda:
        "../envs/datawarp.yaml"
    message:
        "refresh {wildcards.publication}_{wildcards.period}: archive what is there"
    script:
        "../scripts/request_refresh.py"


rule finish_refresh:
    input:
        stamp=STAMP,
        receipt=EXPORTED,
    output:
        done=REFRESHED,
    log:
        "logs/finish_refresh/{publication}_{period}@{run}.log",
    conda:
        "../envs/datawarp.yaml"
    message:
        "refresh {wildcards.publication}_{wildcards.period}: record the event"
    script:
        "../scripts/finish_refresh.py"


# Only those that were typed: a rule for each of thousands of units would cost seconds a call.
for unit in PLAN.refreshed:

    rule:
        name:
            f"refresh_{unit}"
        input:
            PLAN.refresh_target(unit),
        localrule: True
        message:
            f"{unit} is refreshed"
