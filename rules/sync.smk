# Needs a bucket and its keys in the environment. Makes copies there of all that is worth keeping, and
# .sync/sync_state.json. Options: to, delete_local, verify.


rule sync:
    log:
        "logs/sync.log",
    conda:
        "../envs/datawarp.yaml"
    params:
        project=str(workflow.basedir),
    message:
        "sync"
    script:
        "../scripts/sync.py"
