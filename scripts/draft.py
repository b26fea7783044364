from datawarp.lean import leave_out
from datawarp.operations.stage import stage

with stage(snakemake, "draft") as job:
    leave_out("numpy")  # a third of pyarrow's start
    from datawarp.manifest.draft import draft

    draft(job.unit, job.paths, job.settings)
