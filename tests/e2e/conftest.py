"""A live host for each test: the real binaries, the real plugins, the real model."""

import os
import pathlib
import signal
import socket
import subprocess
import time

import pytest
import requests

SOURCE = pathlib.Path(os.environ["TENON_SOURCE_DIR"])
BUILD = pathlib.Path(os.environ["TENON_BUILD_DIR"])
MODELS = pathlib.Path(os.environ.get("TENON_MODELS", SOURCE / "models"))
MINILM = MODELS / "all-MiniLM-L6-v2"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def children(pid):
    """All processes below pid, by /proc."""
    parents = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            parents[int(entry.name)] = int(stat.rsplit(")", 1)[1].split()[1])
    found, todo = [], [pid]
    while todo:
        parent = todo.pop()
        below = [p for p, q in parents.items() if q == parent]
        found += below
        todo += below
    return found


def running(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_for(condition, seconds, what):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError(f"waited {seconds} s in vain: {what}")


class Host:
    """`tenon serve` on a configuration; extra plugin folders and [host.limits] by argument.
    run_as: Popen's words for another user."""

    def __init__(
        self, folder, deployments, limits="", plugins=(), grants="", host="", run_as=None
    ):
        self.run_as = run_as or {}
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.config = folder / "host.toml"
        self.data = folder / "data"
        self.log_path = folder / "host.log"
        self.plugins = [str(BUILD / "plugins"), *map(str, plugins)]
        self.head = f"{host}\n[host.limits]\n{limits}\n{grants}\n"
        self.write(deployments)
        self.start()

    def write(self, deployments):
        plugins = ", ".join(f'"{p}"' for p in self.plugins)
        self.config.write_text(
            f'[host]\nlisten = ["127.0.0.1:{self.port}"]\ndata = "{self.data}"\nprune = true\n'
            f"plugins = [{plugins}]\n{self.head}\n{deployments}\n"
        )

    def start(self):
        self.log = open(self.log_path, "ab")
        self.process = subprocess.Popen(
            [BUILD / "bin/tenon", "serve", self.config],
            stdout=self.log,
            stderr=self.log,
            **self.run_as,
        )
        wait_for(self.ready, 20, f"the host is ready; its log: {self.log_path}")

    def ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the host ended at once:\n{self.log_path.read_text()}")
        try:
            return requests.get(self.url + "/readyz", timeout=2).ok
        except requests.ConnectionError:
            return False

    def endpoint(self, model):
        return f"{self.url}/default/models/{model}"

    def post(self, model, path="/", **options):
        options.setdefault("timeout", 60)
        return requests.post(self.endpoint(model) + path, **options)

    def status(self, model):
        answer = requests.get(f"{self.url}/v0/models/{model}", timeout=10)
        answer.raise_for_status()
        return answer.json()["status"]

    def metrics(self):
        return requests.get(self.url + "/metrics", timeout=10).text

    def metric(self, name, **labels):
        """The sum of a metric's series that have these labels."""
        total = 0.0
        for line in self.metrics().splitlines():
            if line.startswith(name) and line[len(name)] in "{ ":
                if all(f'{k}="{v}"' in line for k, v in labels.items()):
                    total += float(line.rsplit(" ", 1)[1])
        return total

    def workers(self):
        return children(self.process.pid)

    def stop(self, how=signal.SIGTERM, seconds=40):
        if self.process.poll() is None:
            self.process.send_signal(how)
        code = self.process.wait(seconds)
        self.log.close()
        return code


@pytest.fixture
def host(tmp_path):
    hosts = []

    def start(deployments, **options):
        hosts.append(Host(tmp_path, deployments, **options))
        return hosts[-1]

    yield start
    for each in hosts:
        if each.process.poll() is None:
            each.stop()


def deployment(model, runtime="echo", origin=None, scale="", limits="", options="", extra=""):
    origin = origin or f"file:{SOURCE / 'samples/echo'}"
    return (
        f'[[deployment]]\nmodel = "{model}"\nruntime = "{runtime}"\norigin = "{origin}"\n{extra}\n'
        f"[deployment.scale]\n{scale}\n[deployment.limits]\n{limits}\n[deployment.options]\n{options}\n"
    )


def minilm(model="minilm", **more):
    assert MINILM.exists(), f"{MINILM} is missing: scripts/test fetches it"
    return deployment(model, runtime="tei", origin=f"file:{MINILM}", **more)
