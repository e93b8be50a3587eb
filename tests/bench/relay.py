"""A relay of its own for a measurement, and just enough of its REST interface."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request


class Relay:
    """`coverglass serve` on a free port, reading one folder of shared memory."""

    def __init__(self, coverglass, shared, *flags):
        self.process = subprocess.Popen(
            [coverglass, "serve", "--listen", "127.0.0.1:0", *flags],
            env=dict(os.environ, COVERGLASS_DIR=str(shared), NO_COLOR="1"),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        seen = ""
        for line in self.process.stdout:
            seen += line
            found = re.search(r"http://127\.0\.0\.1:\d+", line)
            if found:
                self.url = found.group()
                return
        sys.exit(f"the relay names no address:\n{seen}")

    def get(self, path):
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}", timeout=30) as answer:
            return json.load(answer)

    def post(self, path, body):
        request = urllib.request.Request(
            f"{self.url}/api/v1/{path}",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
            method="POST",
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()

    def find(self, pid, ready=lambda process: True):
        """The process of this pid, once it is there and ready."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            for service in self.get("services")["services"]:
                for build in service["builds"]:
                    for process in build["processes"]:
                        if process["pid"] == pid and process["state"] == "running" and ready(process):
                            return process
            time.sleep(0.02)
        sys.exit(f"the relay doesn't see process {pid}")

    def trace(self, pid):
        """Switches tracing of the whole process on, and waits until it is."""
        handle = self.find(pid)["handle"]
        self.post("trace", {"process": handle, "on": True})
        self.find(pid, lambda process: process["tracing"] > 0)

    def close(self):
        self.process.terminate()
        self.process.wait(10)
