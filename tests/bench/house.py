"""Benchmarks of the whole host: starts it, loads it, prints medians and ratios. Standard library only.

Every figure stands beside what the same machine can do, measured in the same run. Nothing here asserts a
time. scripts/bench builds what is needed and runs this.
"""

import argparse
import json
import os
import pathlib
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build/release"
MINILM = ROOT / "models/all-MiniLM-L6-v2"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Connection:
    """A keep-alive connection that costs little itself: raw bytes over one socket."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, path, body, method="POST"):
        head = f"{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        self.socket.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)

    def receive(self):
        data = b""
        while b"\r\n\r\n" not in data:
            if not (more := self.socket.recv(1 << 16)):
                raise ConnectionError(f"closed after {data!r}")
            data += more
        head, body = data.split(b"\r\n\r\n", 1)
        size = int(re.search(rb"(?i)content-length: *(\d+)", head)[1])
        while len(body) < size:
            body += self.socket.recv(1 << 16)
        self.head = head
        return int(head.split(b" ", 2)[1]), body

    def ask(self, path, body=b"", method="POST"):
        self.send(path, body, method)
        status, answer = self.receive()
        if status != 200:
            raise RuntimeError(f"{path} was answered {status}: {answer[:300]!r}")
        return answer


def deployment(model, runtime="echo", origin=None, isolation="worker", scale="", options=""):
    origin = origin or f"file:{ROOT / 'samples/echo'}"
    return (
        f'[[deployment]]\nmodel = "{model}"\nruntime = "{runtime}"\norigin = "{origin}"\n'
        f'isolation = "{isolation}"\n[deployment.scale]\n{scale}\n[deployment.options]\n{options}\n'
    )


def minilm(scale=""):
    return deployment("minilm", "tei", f"file:{MINILM}", scale=scale)


class Host:
    def __init__(self, deployments, data=None, host=""):
        self.port = free_port()
        self.folder = tempfile.TemporaryDirectory(prefix="tenon-bench-")
        self.head = host
        self.data = pathlib.Path(data or self.folder.name) / "data"
        config = self.config = pathlib.Path(self.folder.name) / "host.toml"
        self.write(deployments)
        self.log = open(pathlib.Path(self.folder.name) / "log", "w+")
        self.process = subprocess.Popen(
            [BUILD / "bin/tenon", "serve", config], stdout=self.log, stderr=self.log
        )
        for _ in range(500):
            try:
                self.connection().ask("/readyz", method="GET")
                return
            except (ConnectionError, RuntimeError, OSError):
                if self.process.poll() is not None:
                    break
                time.sleep(0.01)
        self.log.seek(0)
        sys.exit(f"the host did not start:\n{self.log.read()}")

    def write(self, deployments):
        self.config.write_text(
            f'[host]\nlisten = ["127.0.0.1:{self.port}"]\ndata = "{self.data}"\n'
            f'plugins = ["{BUILD / "plugins"}"]\n{self.head}\n'
            f'[[plugin]]\nname = "echo"\nhostIsolation = true\n{deployments}'
        )

    def reload(self, deployments):
        self.write(deployments)
        self.process.send_signal(signal.SIGHUP)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self.log.close()
        self.folder.cleanup()

    def connection(self):
        return Connection(self.port)

    def model(self, name="minilm"):
        return json.loads(self.connection().ask(f"/v0/models/{name}", method="GET"))["status"]

    def until_gone(self, name="minilm"):
        while self.model(name)["replicas"]["ready"] or self.model(name)["replicas"]["starting"]:
            time.sleep(0.02)


def resident(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{pid}/status").read())[1]) * 1024


def quantile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(q * len(values)))]


rows = []


def row(what, figure, goal, note=""):
    rows.append((what, figure, goal, note))
    print(f"  {what:<58} {figure:>16}   goal {goal:<14} {note}", flush=True)


# ---- echo ------------------------------------------------------------------------------------------


def floor(*arguments):
    """tests/bench/http_floor: a bare epoll loop, and a client for it and for the host."""
    out = subprocess.run(
        [BUILD / "bench/http_floor", *arguments], check=True, capture_output=True, text=True
    ).stdout
    return json.loads(out)


def wrk(port, path, seconds=4, connections=64, threads=1, script=None):
    command = ["wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "--latency"]
    command += ["-s", script] if script else []
    out = subprocess.run(
        [*command, f"http://127.0.0.1:{port}{path}"], check=True, capture_output=True, text=True
    ).stdout
    if bad := re.search(r"Non-2xx or 3xx responses: (\d+)", out):
        raise RuntimeError(f"{bad[1]} bad answers:\n{out}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1])


def echo_latency():
    deployments = deployment("worker") + deployment("host", isolation="host")
    for pinned in (True, False):
        pin = ["taskset", "-c", "0"] if pinned else []
        with Host(deployments) as host:
            if pinned:
                subprocess.run(["taskset", "-acp", "0", str(host.process.pid)], capture_output=True)
            for model in ("worker", "host"):
                host.connection().ask(f"/default/models/{model}", b"ping")
            if pinned:
                for child in children(host.process.pid):
                    subprocess.run(["taskset", "-acp", "0", str(child)], capture_output=True)
            bare = latency(pin, "bare")
            for model, goal in (("worker", 25), ("host", 12)):
                with_host = latency(pin, f"127.0.0.1:{host.port}/default/models/{model}")
                row(
                    f"echo, 1 connection, {'pinned' if pinned else 'unpinned'}, {model}: added p50",
                    f"{with_host - bare:.1f} µs",
                    f"≤ {goal} µs",
                    f"{with_host:.1f} against bare {bare:.1f}",
                )


def latency(pin, target):
    out = subprocess.run(
        [*pin, BUILD / "bench/http_floor", "latency", target], check=True, capture_output=True, text=True
    ).stdout
    return json.loads(out)["p50_us"]


def children(pid):
    out = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout.split()
    return [int(p) for p in out] + [c for p in out for c in children(int(p))]


def echo_throughput():
    bare_process = subprocess.Popen(
        [BUILD / "bench/http_floor", "serve", "0"], stdout=subprocess.PIPE, text=True
    )
    bare = wrk(int(bare_process.stdout.readline()), "/", seconds=3)
    bare_process.kill()
    bare_process.wait()
    figures = {}
    for count in (1, 1000):
        more = "".join(deployment(f"m{i}") for i in range(count - 1))
        with Host(deployment("echo") + more) as host:
            host.connection().ask("/default/models/echo", b"ping")
            figures[count] = wrk(host.port, "/default/models/echo")
    row("echo, 64 connections, 2 cores with the load generator", f"{figures[1]:,.0f}/s", "≥ 70,000/s",
        f"{figures[1] / bare:.2f} of bare {bare:,.0f}")
    row("the same with 1,000 deployments", f"{figures[1000]:,.0f}/s", "not lower",
        f"{figures[1000] / figures[1]:.2f} of 1 deployment")


# ---- cold start --------------------------------------------------------------------------------------

TEXT8 = json.dumps({"inputs": "a tenon fits its mortise"}).encode()


def cold(host, times):
    """Request sent → answer read, from zero replicas each time."""
    taken = []
    for _ in range(times):
        host.until_gone()
        time.sleep(0.05)
        connection = host.connection()
        start = time.perf_counter()
        connection.ask("/default/models/minilm/embed", TEXT8)
        taken.append((time.perf_counter() - start) * 1e3)
    return taken


def cold_start():
    quick = 'lastReplicaRetention = "50ms"'
    with Host(minilm(quick)) as host:
        cold(host, 3)  # makes template and caches
        time.sleep(1)
        taken = cold(host, 60)
        stages = host.model()["lastColdStart"]["stages"]
        row("cold start, template and caches: p50", f"{quantile(taken, 0.5):.1f} ms", "≤ 8 ms",
            " ".join(f"{k} {v:.1f}" for k, v in stages.items()))
        row("cold start, template and caches: p99", f"{quantile(taken, 0.99):.1f} ms", "≤ 25 ms")
        taken = []
        for _ in range(15):
            host.until_gone()
            drop_caches(host)
            taken += cold(host, 1)
        row("cold start, template, no caches: p50", f"{quantile(taken, 0.5):.1f} ms", "≤ 60 ms")
    for keep, goal in ((True, 60), (False, 90)):
        taken = []
        with tempfile.TemporaryDirectory() as data:
            for i in range(8):
                with Host(minilm(quick), data=data) as host:
                    if i and not keep:
                        drop_caches(host)
                    taken += cold(host, 1)
                    time.sleep(0.5)
        row(f"cold start, no template, {'caches' if keep else 'no caches'}: p50",
            f"{quantile(taken[1:], 0.5):.1f} ms", f"≤ {goal} ms")


def drop_caches(host):
    for path in host.data.glob("cache/**/*"):
        if path.is_file():
            path.unlink()


# ---- warm --------------------------------------------------------------------------------------------

WORDS = ("joint mortise timber glue chisel bench plane grain oak beam frame peg cheek shoulder wedge saw "
         "carve square line mark edge face board panel groove dowel brace rail stile clamp").split()


def text(words, seed):
    return " ".join(WORDS[(seed * 7 + i * 13 + i * i) % len(WORDS)] for i in range(words))


def lua(bodies):
    """A wrk script that sends these bodies in turn."""
    table = ",\n".join(json.dumps(b.decode()) for b in bodies)
    file = tempfile.NamedTemporaryFile("w", suffix=".lua", delete=False)
    file.write(
        f"local bodies = {{{table}}}\nlocal i = 0\n"
        'wrk.method = "POST"\nwrk.headers["content-type"] = "application/json"\n'
        "request = function() i = i % #bodies + 1; return wrk.format(nil, nil, nil, bodies[i]) end\n"
    )
    file.close()
    return file.name


def engine():
    """tests/bench/engine_bench: the fp32 roof of this machine and the bare engine's figures."""
    return json.loads(
        subprocess.run([BUILD / "bench/engine_bench", "--json", str(MINILM)], check=True,
                       capture_output=True, text=True).stdout
    )


def flops(tokens):
    """of one all-MiniLM-L6-v2 sequence: 2·N·L + 4·layers·hidden·L²"""
    return 2 * 10.6e6 * tokens + 4 * 6 * 384 * tokens * tokens


def warm(bare):
    short = [json.dumps({"inputs": text(10 + i % 9, i)}).encode() for i in range(97)]
    # Skewed to short: most 16–64 tokens, some up to 512.
    lengths = [16, 20, 24, 30, 36, 44, 52, 64, 80, 100, 130, 170, 220, 300, 400, 500]
    mixed = [json.dumps({"inputs": text(lengths[(i * i) % 31 % 16], i)}).encode() for i in range(97)]
    with Host(minilm('lastReplicaRetention = "60s"')) as host:
        path = "/default/models/minilm/embed"
        one = json.dumps({"inputs": text(14, 1)}).encode()
        connection = host.connection()
        for _ in range(50):
            connection.ask(path, one)
        taken = []
        for _ in range(500):
            start = time.perf_counter()
            connection.ask(path, one)
            taken.append((time.perf_counter() - start) * 1e3)
        p50 = quantile(taken, 0.5)
        row("warm /embed, one 16-token text, 1 connection: p50", f"{p50:.2f} ms",
            "≤ 1.5 × engine", f"{p50 / bare['ms_16']:.2f} × {bare['ms_16']:.2f} ms")
        for name, bodies in (("one text of 12–20 tokens", short), ("mixed 16–512 tokens", mixed)):
            tokens = count_tokens(connection, bodies)
            roof = bare["roof_gflops"] * 1e9 / statistics.mean(flops(t) for t in tokens)
            script = lua(bodies)
            rate = wrk(host.port, path, seconds=8, connections=32, script=script)
            os.unlink(script)
            row(f"/embed, {name}, 32 connections", f"{rate:.0f}/s", "≥ 60 % of roof",
                f"{100 * rate / roof:.0f} % of {roof:.0f}/s")
        worker = next(c for c in host.model()["pids"])
        rollup = open(f"/proc/{worker}/smaps_rollup").read()
        private = sum(int(x) for x in re.findall(r"Private_(?:Clean|Dirty):\s+(\d+)", rollup)) / 1e3
        anonymous = int(re.search(r"Anonymous:\s+(\d+)", rollup)[1]) / 1e3
        total = int(re.search(r"Pss:\s+(\d+)", rollup)[1]) / 1e3
        row("worker memory after the load test (PSS)", f"{total:.0f} MB", "≤ 90 + 30 MB",
            f"anonymous {anonymous:.0f} MB, private {private:.0f} MB")


def count_tokens(connection, bodies):
    counts = []
    for body in bodies:
        connection.ask("/default/models/minilm/embed", body)
        counts.append(int(re.search(rb"(?i)x-compute-tokens: *(\d+)", connection.head)[1]))
    return counts


# ---- updates ---------------------------------------------------------------------------------------


def switches_under_load():
    def revision(number):
        return deployment("echo", scale="minReplicas = 1\nmaxReplicas = 2", options=f"burnBytes = {number}")

    def rate(seconds):
        return subprocess.Popen(
            [BUILD / "bench/http_floor", "rate", f"127.0.0.1:{host.port}/default/models/echo", "2000", "32",
             str(seconds)], stdout=subprocess.PIPE, text=True)

    def figures(process):
        out, _ = process.communicate()
        if process.returncode:
            raise RuntimeError("a request failed during an update")
        return json.loads(out)

    with Host(revision(1)) as host:
        host.connection().ask("/default/models/echo", b"ping")
        figures(rate(2))
        steady = [figures(rate(5))]
        load = rate(10)
        for number in range(2, 20):
            time.sleep(0.5)
            host.reload(revision(number))
        during = figures(load)
        steady.append(figures(rate(5)))
        served = host.model("echo")["revision"]
    p99 = statistics.mean(s["p99_us"] for s in steady)
    row("18 updates in 10 s under 2,000 requests/s: p99", f"{during['p99_us'] / p99:.2f} × steady", "≤ 2 × steady",
        f"{during['p99_us']:.0f} against {p99:.0f} µs, 0 failed, revision {served} serves")


# ---- a fleet ---------------------------------------------------------------------------------------

FLEET = 10_000


def fleet():
    names = [f"m{i:05}" for i in range(FLEET)]
    manifest = "".join(deployment(name) for name in names)
    with tempfile.TemporaryDirectory(prefix="tenon-bench-") as data:
        began = time.monotonic()
        with Host(manifest, data) as host:
            row("10,000 deployments from one file, empty store to ready", f"{time.monotonic() - began:.2f} s",
                "≤ 10 s")
            time.sleep(3)
            row("host, resident, after it", f"{resident(host.process.pid) / 1e6:.1f} MB", "≤ 65 MB")
        began = time.monotonic()
        with Host(manifest, data) as host:
            row("restart of it, the file unchanged", f"{time.monotonic() - began:.2f} s", "≤ 1 s")
        began = time.monotonic()
        with Host("", data) as host:
            row("restart of it, from the store alone", f"{time.monotonic() - began:.2f} s", "≤ 1 s")
            row("host, resident, after it", f"{resident(host.process.pid) / 1e6:.1f} MB", "≤ 65 MB")
            connection = host.connection()
            paths = {
                "list": [f"/v0/models?limit=100&after={name}@production" for name in names[::50]] * 5,
                "get": [f"/v0/models/{name}" for name in names[::10]],
            }
            for what, all_of_it in paths.items():
                taken = []
                for path in all_of_it:
                    began = time.perf_counter()
                    connection.ask(path, method="GET")
                    taken.append(1e3 * (time.perf_counter() - began))
                row(f"{what} of them: p99 of {len(taken):,}", f"{quantile(taken, 0.99):.2f} ms", "≤ 5 ms",
                    f"p50 {quantile(taken, 0.5):.2f} ms")
    spec = {"runtime": "echo", "origin": f"file:{ROOT / 'samples/echo'}"}
    resources = [{"kind": "deployment", "spec": {"model": name, **spec}} for name in names]
    with Host("") as host:
        body = json.dumps({"resources": resources}).encode()
        began = time.monotonic()
        host.connection().ask("/v0/apply", body)
        row("10,000 deployments by one request to the API", f"{time.monotonic() - began:.2f} s", "≤ 10 s")
        time.sleep(3)
        row("host, resident, after it", f"{resident(host.process.pid) / 1e6:.1f} MB", "≤ 65 MB")
        began = time.monotonic()
        body = json.dumps({"spec": {**spec, "options": {"burnBytes": 1}}}).encode()
        host.connection().ask("/v0/models/m00000", body, "PUT")
        row("one change among 10,000", f"{1e3 * (time.monotonic() - began):.1f} ms", "-")


# ---- at rest -----------------------------------------------------------------------------------------


def at_rest():
    sizes = {}
    for count in (1, 1000):
        with Host("".join(deployment(f"m{i}") for i in range(count))) as host:
            time.sleep(0.5)
            sizes[count] = resident(host.process.pid)
            if count == 1000:
                before = switches(host.process.pid)
                time.sleep(10)
                after = switches(host.process.pid)
    row("host, resident, 1,000 deployments at rest", f"{sizes[1000] / 1e6:.1f} MB", "≤ 25 MB")
    row("for each further deployment", f"{(sizes[1000] - sizes[1]) / 999 / 1e3:.1f} kB", "≤ 4 kB")
    row("idle host: processor time", f"{(after[0] - before[0]) * 10:.2f} %", "≤ 0.1 %")
    row("idle host: wake-ups", f"{(after[1] - before[1]) / 10:.1f}/s", "≤ 1/s")


def switches(pid):
    """Seconds of processor time, and context switches of all threads."""
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    count = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        status = (task / "status").read_text()
        count += sum(int(x) for x in re.findall(r"ctxt_switches:\s+(\d+)", status))
    return seconds, count


PARTS = ("echo", "throughput", "cold", "warm", "update", "fleet", "rest")

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", help=f"which: {' '.join(PARTS)} (default all)")
    chosen = parser.parse_args().parts or PARTS
    if "echo" in chosen:
        echo_latency()
    if "throughput" in chosen:
        echo_throughput()
    if "cold" in chosen:
        cold_start()
    if "warm" in chosen:
        bare = engine()
        row("engine, fp32, 128-token sequences, 2 cores", f"{bare['seq_per_s_128']:.0f}/s",
            "≥ 75 % of roof", f"{100 * bare['ratio_128']:.0f} % of {bare['roof_gflops']:.0f} GFLOP/s")
        warm(bare)
    if "update" in chosen:
        switches_under_load()
    if "fleet" in chosen:
        fleet()
    if "rest" in chosen:
        at_rest()
