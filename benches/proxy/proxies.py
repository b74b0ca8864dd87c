"""The programs: upstream, `sidecar` and Envoy, each as a context that ends with it."""

import contextlib
import json
import os
import re
import socket
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

import drive

CARGO = os.environ.get("CARGO", "cargo")

# The limits that nobody meets. In Istio's names; Envoy's are below.
RULE = {
    "maxConnections": 1024,
    "http1MaxPendingRequests": 1024,
    "http2MaxRequests": 1024,
    "maxRequestsPerConnection": 1000000,
}


def build():
    """Where `sidecar` and the upstream are."""
    return tuple(
        executable(command, name)
        for command, name in (
            (["build", "--release", "--example", "sidecar"], "sidecar"),
            (["bench", "--no-run", "--bench", "upstream"], "upstream"),
        )
    )


def executable(command, name):
    done = subprocess.run(
        [CARGO, *command, "--quiet", "--message-format=json"], check=True, stdout=subprocess.PIPE
    )
    messages = map(json.loads, done.stdout.splitlines())
    return next(
        message["executable"]
        for message in messages
        if message.get("executable") and message["target"]["name"] == name
    )


class Program:
    """A process on processors of its own, if those are to be kept apart."""

    def __init__(self, command, processors, **options):
        limit = (lambda: os.sched_setaffinity(0, processors)) if processors else None
        self.process = subprocess.Popen(command, preexec_fn=limit, **options)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def cpu(self):
        """Seconds of processor time so far."""
        stat = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self):
        """MiB resident."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) / 1024


class Upstream(Program):
    def __init__(self, program, is_pinned):
        super().__init__(
            [program, "--serve"],
            {0} if is_pinned else None,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        lines = [self.process.stdout.readline().split() for _ in range(2)]
        self.addresses = {name.replace("http", "h"): address for name, address in lines}


class Proxy(Program):
    """Listens on `address`."""

    def __init__(self, command, address, is_pinned, **options):
        self.address = address
        self.url = f"http://{address}/user"
        self._clients = {0} if is_pinned else None
        super().__init__(command, {1} if is_pinned else None, **options)

    def client(self, *command):
        return drive.run(command, self._clients)

    @contextlib.contextmanager
    def held(self):
        """While it has a request that is not answered."""
        host, port = self.address.split(":")
        with socket.create_connection((host, int(port))) as client:
            client.sendall(b"GET /held HTTP/1.1\r\nhost: user\r\n\r\n")
            self.wait_for("one active", lambda: self.active() == 1)
            yield

    def active(self):
        with urllib.request.urlopen(f"http://{self.admin}/stats", timeout=5) as response:
            stats = response.read().decode()
        return int(re.search(r"upstream_rq_active: (\d+)", stats).group(1))

    def wait_for(self, what, is_there):
        for _ in range(200):
            assert self.process.poll() is None, "it has ended"
            with contextlib.suppress(OSError):
                if is_there():
                    return
            time.sleep(0.05)
        raise TimeoutError(what)


class Sidecar(Proxy):
    name = "sidecar"

    def __init__(self, program, protocol, behind, workers, is_pinned, rule=()):
        self._folder = tempfile.TemporaryDirectory()
        file = Path(self._folder.name) / "rule.yaml"
        file.write_text(json.dumps(destination_rule(RULE | dict(rule))))
        address, self.admin = free_addresses(2)
        command = [
            program, "--listen", address, "--admin", self.admin, "--rule", str(file),
            "--upstream", f"http://{behind.addresses[protocol]}",
            "--upstream-protocol", protocol, "--workers", str(workers),
        ]
        super().__init__(command, address, is_pinned, stdout=subprocess.DEVNULL)
        self.wait_for("ready", lambda: self.active() == 0)

    def __exit__(self, *error):
        super().__exit__(*error)
        self._folder.cleanup()


class Envoy(Proxy):
    name = "envoy"

    def __init__(self, program, protocol, behind, workers, is_pinned, rule=()):
        address, self.admin = free_addresses(2)
        config = bootstrap(
            address, self.admin, behind.addresses[protocol], protocol, RULE | dict(rule)
        )
        command = [
            program, "--config-yaml", json.dumps(config), "--concurrency", str(workers),
            "--disable-hot-restart", "--log-level", "error",
        ]
        super().__init__(command, address, is_pinned, stdout=subprocess.DEVNULL)
        self.wait_for("ready", lambda: self.active() == 0)


def free_addresses(count):
    """Nobody else takes these ports in the meantime, if nobody else is here."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return ["127.0.0.1:%d" % each.getsockname()[1] for each in sockets]


def destination_rule(rule):
    http = {name: value for name, value in rule.items() if name != "maxConnections"}
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": "user"},
        "spec": {
            "host": "user",
            "trafficPolicy": {
                "connectionPool": {
                    "tcp": {"maxConnections": rule["maxConnections"]},
                    "http": http,
                }
            },
        },
    }


def bootstrap(address, admin, upstream, protocol, rule):
    """Nothing but the router: no access log, no tracing, no request id."""
    types = "type.googleapis.com/envoy.extensions"
    http = "upstreams.http.v3.HttpProtocolOptions"
    explicit = {"h1": "http_protocol_options", "h2": "http2_protocol_options"}[protocol]
    manager = {
        "@type": f"{types}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "proxy",
        "generate_request_id": False,
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "up"}}],
                }
            ]
        },
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{types}.filters.http.router.v3.Router"},
            }
        ],
    }
    cluster = {
        "name": "up",
        "type": "STATIC",
        "load_assignment": {
            "cluster_name": "up",
            "endpoints": [
                {"lb_endpoints": [{"endpoint": {"address": socket_address(upstream)}}]}
            ],
        },
        "circuit_breakers": {
            "thresholds": [
                {
                    "max_connections": rule["maxConnections"],
                    "max_pending_requests": rule["http1MaxPendingRequests"],
                    "max_requests": rule["http2MaxRequests"],
                }
            ]
        },
        "typed_extension_protocol_options": {
            f"envoy.extensions.{http}": {
                "@type": f"{types}.{http}",
                "common_http_protocol_options": {
                    "max_requests_per_connection": rule["maxRequestsPerConnection"]
                },
                "explicit_http_config": {explicit: {}},
            }
        },
    }
    listener = {
        "address": socket_address(address),
        "filter_chains": [
            {
                "filters": [
                    {
                        "name": "envoy.filters.network.http_connection_manager",
                        "typed_config": manager,
                    }
                ]
            }
        ],
    }
    return {
        "admin": {"address": socket_address(admin)},
        "static_resources": {"listeners": [listener], "clusters": [cluster]},
    }


def socket_address(address):
    host, port = address.rsplit(":", 1)
    return {"socket_address": {"address": host, "port_value": int(port)}}
