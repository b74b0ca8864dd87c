"""The clients: `wrk` for HTTP/1, `h2load` for HTTP/2."""

import os
import re
import statistics
import subprocess
import tempfile
from dataclasses import dataclass

# So many requests are in flight where as many as possible are to be served.
CONNECTIONS = 64
STREAMS = (4, 16)

UNITS = {"us": 1.0, "ms": 1e3, "s": 1e6}


@dataclass
class Run:
    requests: int
    failed: int
    # Requests per second.
    rate: float
    # Microseconds of the proxy's processor time per request.
    cpu: float


class Load:
    def __init__(self, seconds):
        self.seconds = seconds

    def warm(self, protocol, proxy):
        self._run(protocol, proxy, CONNECTIONS, STREAMS, 1)

    def saturate(self, protocol, proxy):
        before = proxy.cpu()
        requests, failed, seconds = self._run(
            protocol, proxy, CONNECTIONS, STREAMS, self.seconds
        )
        return Run(
            requests=requests,
            failed=failed,
            rate=requests / seconds,
            cpu=(proxy.cpu() - before) * 1e6 / requests,
        )

    def at_low_load(self, protocol, proxy):
        """The median time of one request at a time, in microseconds."""
        if protocol == "h1":
            text = proxy.client("wrk", "-t1", "-c1", "-d1s", "--latency", proxy.url)
            number, unit = re.search(r"50%\s+([\d.]+)(us|ms|s)\b", text).groups()
            return float(number) * UNITS[unit]
        with tempfile.NamedTemporaryFile() as log:
            proxy.client("h2load", "-c1", "-m1", "-D1", f"--log-file={log.name}", proxy.url)
            # Start, status, microseconds.
            lines = [line.split() for line in log.read().decode().splitlines()]
        return statistics.median(float(microseconds) for _, _, microseconds in lines)

    def _run(self, protocol, proxy, connections, streams, seconds):
        """How many requests were answered, how many of these not by 2xx, in how many seconds."""
        if protocol == "h1":
            text = proxy.client("wrk", "-t1", f"-c{connections}", f"-d{seconds}s", proxy.url)
            requests = int(re.search(r"(\d+) requests in", text).group(1))
            failed = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
            broken = re.search(r"Socket errors: .*", text)
            assert not broken, broken.group()
            took = float(re.search(r"requests in ([\d.]+)s", text).group(1))
            return requests, int(failed.group(1)) if failed else 0, took
        clients, most = streams
        text = proxy.client("h2load", f"-c{clients}", f"-m{most}", f"-D{seconds}", proxy.url)
        counts = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", text)
        served, redirected, refused, failed = map(int, counts.groups())
        assert "0 errored, 0 timeout" in text, text
        return served + redirected + refused + failed, redirected + refused + failed, seconds


def run(command, processors):
    """What a program prints; it runs on these processors."""
    limit = (lambda: os.sched_setaffinity(0, processors)) if processors else None
    done = subprocess.run(
        command, preexec_fn=limit, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=60,
    )
    assert done.returncode == 0, f"{command}: {done.stdout}"
    return done.stdout
