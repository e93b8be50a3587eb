"""Commands that are run to be measured."""

import os
import subprocess
import sys
import time


def run(command, scratch):
    """Wall and CPU seconds, and peak memory in MB, of one run; its output goes to a file. A command
    that needs little has in its peak what this process had."""
    with open(scratch / "stdout", "wb") as stdout:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=stdout, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{command} failed: {process.returncode}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
