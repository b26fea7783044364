"""Whether the process behind a record still runs."""

import os
import socket
import subprocess
import sys
import time

import psutil

from datawarp.processes import runs

HERE = socket.gethostname()


def test_a_process_that_runs_is_told_from_one_that_ended():
    assert runs(os.getpid(), HERE)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert not runs(ended.pid, HERE)


def test_a_zombie_does_not_run():
    child = subprocess.Popen([sys.executable, "-c", ""])
    while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    assert not runs(child.pid, HERE)
    child.wait()


def test_a_later_process_of_the_same_number_is_another_one():
    began = psutil.Process(os.getpid()).create_time()
    assert runs(os.getpid(), HERE, since=began + 1)
    assert not runs(os.getpid(), HERE, since=began - 3600)


def test_a_process_of_another_machine_cannot_be_seen():
    assert runs(os.getpid(), "elsewhere.example")
    assert not runs(os.getpid(), "elsewhere.example", elsewhere=False)
