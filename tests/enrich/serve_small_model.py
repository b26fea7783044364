"""llama.cpp's own OpenAI-compatible server with SmolLM2, in a process of its own: prints its address, then serves."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import xllamacpp


def main(weights: Path) -> None:
    """Serve ``weights`` on a free port of the loopback until the process is ended."""
    params = xllamacpp.CommonParams()
    params.model.path = str(weights)
    params.hostnames, params.port = ["127.0.0.1"], 0
    params.n_ctx, params.n_parallel = 4096, 1
    params.cpuparams.n_threads = max(1, (os.cpu_count() or 2) - 1)
    server = xllamacpp.Server(params)
    print(f"\nlistening {server.listening_address}", flush=True)
    while os.getppid() != 1:
        time.sleep(0.2)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
