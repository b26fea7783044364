import sys
from contextlib import closing

from datawarp.operations.stage import stage

with stage(snakemake, "trace") as job:
    from datawarp.operations.options import required, whole_number
    from datawarp.warehouse.connection import connect
    from datawarp.warehouse.trace import trace

    config = snakemake.config
    wanted = (required(config, "source"), required(config, "period"), whole_number(config, "row"))
    with closing(connect(job.paths, job.settings)) as connection:
        for row in trace(connection, job.paths, *wanted):
            sys.stdout.write(row.told() + "\n\n")
