import sys
from contextlib import closing

from datawarp.operations.stage import stage

with stage(snakemake, "drift") as job:
    from datawarp.operations.options import required, text
    from datawarp.warehouse.connection import connect
    from datawarp.warehouse.drift import choose, drift

    config = snakemake.config
    units = choose(job.registry, required(config, "pub"), text(config, "from"), text(config, "to"))
    with closing(connect(job.paths, job.settings)) as connection:
        sys.stdout.write(drift(connection, job.paths, *units).told() + "\n")
