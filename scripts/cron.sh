#!/usr/bin/env bash
# One unattended run of DataWarp, for cron:
#
#   15 4 * * *  /path/to/datawarp/scripts/cron.sh
#
# Arguments are passed to Snakemake (default: all, failed units only when they are due again). The exit
# status is Snakemake's, or 75 while an earlier run still works. Logs: logs/night/. Secrets and
# DATABASE_URL come from the environment, or from the file .env beside the Snakefile.
set -euo pipefail

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
root=${DATAWARP_ROOT:-$project}

if [[ -f $project/.env ]]; then
    set -a
    # shellcheck source=/dev/null
    source "$project/.env"
    set +a
fi

export PATH="$project/.venv/bin:$PATH"
export PYTHONPATH="$project/scripts${PYTHONPATH:+:$PYTHONPATH}"
exec python -m datawarp.operations.night --root "$root" "$@"
