import sys
import time

from datawarp.operations.stage import stage

with stage(snakemake, "export") as job:
    from datawarp.operations.batch import unit_done
    from datawarp.operations.pending import record_built
    from datawarp.operations.run_record import read_run_record
    from datawarp.publish.export import export

    export(job.unit, job.paths, job.settings)
    record_built(job.unit, job.paths)
    sys.stderr.write(unit_done(job.unit.name, read_run_record(job.paths), job.paths, time.time()) + "\n")
