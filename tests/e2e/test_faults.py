"""What dies or misbehaves takes nothing else with it."""

import concurrent.futures
import glob
import os
import pathlib
import signal
import threading
import time
import tomllib

import pytest
import requests
from conftest import BUILD, deployment, minilm, running, wait_for


class Traffic:
    """A client that asks one model without pause and keeps every answer that was not right."""

    def __init__(self, served, model="calm"):
        self.served, self.model = served, model
        self.wrong, self.right = [], 0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        session = requests.Session()
        while not self.stopping.is_set():
            body = f"number {self.right}"
            try:
                answer = session.post(self.served.endpoint(self.model), data=body, timeout=30)
                if (answer.status_code, answer.text) != (200, body):
                    self.wrong.append((answer.status_code, answer.text[:200]))
                self.right += 1
            except requests.RequestException as error:
                self.wrong.append(repr(error))

    def __enter__(self):
        self.thread.start()
        wait_for(lambda: self.right > 5, 20, "traffic flows")
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()


def replica_of(served, model):
    status = wait_for(
        lambda: served.status(model)["replicas"]["ready"] and served.status(model), 20, "a replica"
    )
    return status["pids"][0]


def test_a_killed_worker_costs_no_answer(host):
    served = host(deployment("calm") + deployment("shot"))
    with Traffic(served) as calm, concurrent.futures.ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(served.post, "shot", "/?sleep_ms=800", data=f"{i}") for i in range(8)]
        pid = replica_of(served, "shot")
        time.sleep(0.3)
        os.kill(pid, signal.SIGKILL)
        answers = [a.result() for a in asked]
    # Nothing had been sent, so another replica answers all of them.
    assert [(a.status_code, a.text) for a in answers] == [(200, f"{i}") for i in range(8)]
    assert calm.wrong == []


def test_a_worker_killed_in_mid_stream_cuts_the_stream(host):
    served = host(deployment("shot"))
    with served.post("shot", "/?stream=20&sleep_ms=3000", data="x" * 20, stream=True) as answer:
        assert answer.status_code == 200
        pid = replica_of(served, "shot")
        with pytest.raises(requests.exceptions.RequestException):
            for i, _ in enumerate(answer.iter_content(1)):
                if i == 0:
                    os.kill(pid, signal.SIGKILL)
    assert served.post("shot", data="again").text == "again"


def test_a_request_that_kills_twice_is_answered_500(host, faulty):
    served = host(faulty("shot", sin="abort_in_submit") + deployment("calm"), plugins=[FAULTY])
    with Traffic(served) as calm:
        answer = served.post("shot", data="deadly")
    assert answer.status_code == 500
    assert answer.json()["error"]["retryable"] is False
    assert calm.wrong == []


FAULTY = BUILD / "test-plugins"


@pytest.fixture
def faulty():
    return lambda model, sin: deployment(
        model, runtime="faulty", options=f'sin = "{sin}"', limits='maxWait = "5s"\nanswerTimeout = "3s"'
    )


def test_a_killed_template_harms_no_replica_and_is_replaced(host):
    served = host(deployment("calm") + deployment("other"))
    with Traffic(served) as calm:
        pid = replica_of(served, "calm")
        templates = [p for p in served.workers() if p != pid]
        assert templates
        for template in templates:
            os.kill(template, signal.SIGKILL)
        assert served.post("other", data="x").text == "x"
        assert running(pid)
    assert calm.wrong == []


def test_nothing_outlives_a_killed_host(host):
    served = host(minilm() + deployment("echo"))
    served.post("minilm", "/embed", json={"inputs": "x"}).raise_for_status()
    served.post("echo", data="x").raise_for_status()
    below = served.workers()
    assert len(below) >= 2
    assert served.stop(signal.SIGKILL) == -signal.SIGKILL
    wait_for(lambda: not any(running(p) for p in below), 5, "the workers end")


def groups_of(served):
    """The control groups named after this host, in any hierarchy."""
    start = pathlib.Path(f"/proc/{served.process.pid}/stat").read_text().rsplit(")", 1)[1].split()[19]
    name = f"tenon-{served.process.pid}-{start}-"

    def look():
        return [p for p in glob.glob("/sys/fs/cgroup/**/tenon-*", recursive=True) if name in p]

    return look


def limited_host(host):
    served = host(deployment("echo"))
    served.post("echo", data="x").raise_for_status()
    groups = groups_of(served)
    offered = "memory limit by cgroup v" in served.log_path.read_text()
    # The replica's, and the spare's that its template keeps.
    wait_for(lambda: len(groups()) == (2 if offered else 0), 10, "its groups")
    return served, groups


def test_a_worker_beyond_its_memory_limit_ends_and_says_so(host):
    served, groups = limited_host(host)
    if not groups():
        pytest.skip("no control groups can be made here")
    # Echo estimates 1 MiB, which gives it 257.
    assert served.post("echo", "/?burn_bytes=100000000", data="x").text == "x"
    assert served.post("echo", "/?burn_bytes=400000000", data="x").status_code == 500
    error = served.status("echo")["lastError"]
    assert "killed by its memory limit of 257MiB; its plugin estimated 1MiB" in error
    assert "[deployment.limits]" in error
    assert served.post("echo", data="y").text == "y"


def test_sigterm_leaves_no_control_group(host):
    served, groups = limited_host(host)
    assert served.stop(signal.SIGTERM) == 0
    assert groups() == []


def test_the_next_host_removes_the_control_groups_of_a_killed_one(host):
    served, groups = limited_host(host)
    below = served.workers()
    served.stop(signal.SIGKILL)
    wait_for(lambda: not any(running(p) for p in below), 5, "the workers end")
    served.start()
    assert groups() == []


def test_sigterm_under_load_answers_what_runs(host):
    served = host(deployment("echo"))
    served.post("echo", data="warm").raise_for_status()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(served.post, "echo", "/?sleep_ms=800", data=f"{i}") for i in range(8)]
        wait_for(lambda: served.status("echo")["inFlight"] == 8, 10, "eight in flight")
        below = served.workers()
        assert served.stop(signal.SIGTERM) == 0
        answers = [a.result() for a in asked]
    assert [(a.status_code, a.text) for a in answers] == [(200, f"{i}") for i in range(8)]
    assert not any(running(p) for p in below)


def test_a_second_signal_stops_at_once(host):
    served = host(deployment("echo"))
    served.post("echo", data="warm").raise_for_status()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        asked = pool.submit(served.post, "echo", "/?sleep_ms=20000")
        wait_for(lambda: served.status("echo")["inFlight"] == 1, 10, "one in flight")
        served.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        start = time.monotonic()
        served.stop(signal.SIGTERM)
        assert time.monotonic() - start < 5
        with pytest.raises(requests.RequestException):
            asked.result().raise_for_status()


def test_sighup_touches_only_what_changed(host):
    served = host(deployment("keep") + deployment("drop"))
    for model in ("keep", "drop"):
        served.post(model, data="x").raise_for_status()
    pid = replica_of(served, "keep")
    served.write(deployment("keep") + deployment("new"))
    served.process.send_signal(signal.SIGHUP)
    wait_for(lambda: served.post("new", data="y").status_code == 200, 10, "the new deployment")
    wait_for(lambda: served.post("drop").status_code == 404, 10, "the old one is gone")
    assert replica_of(served, "keep") == pid
    # A file with a mistake changes nothing.
    served.write(deployment("keep") + "[[deployment]]\nmodle = 3\n")
    served.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "modle" in served.log_path.read_text(), 10, "the log names the mistake")
    assert served.post("new", data="y").text == "y"


def test_a_client_that_goes_away_cancels_its_request(host):
    served = host(deployment("echo"))
    served.post("echo", data="warm").raise_for_status()
    with pytest.raises(requests.Timeout):
        served.post("echo", "/?sleep_ms=20000", timeout=0.3)
    wait_for(lambda: served.metric("tenon_cancelled_requests_total", model="echo") == 1, 10, "a cancel")
    wait_for(lambda: served.status("echo")["inFlight"] == 0, 10, "nothing in flight")


def known_sins():
    manifest = tomllib.loads((FAULTY / "faulty/tenon-plugin.toml").read_text())
    values = next(o["values"] for o in manifest["option"] if o["name"] == "sin")
    return [value for value in values if value]


# What a client of a deployment sees of each sin; None: its stream is cut.
OUTCOMES = {
    502: ["abort_in_prepare", "fail_prepare", "throw_in_load", "fail_load", "abort_in_load",
          "exit_in_load", "null_instance", "bad_status", "bad_header", "body_without_head"],
    503: ["hang_in_load"],
    500: ["abort_in_submit", "segfault_in_submit", "exit_in_submit",
          "throw_in_submit", "fault", "leak_without_end"],
    504: ["no_final", "hang_in_unload", "credit_overrun", "bad_status", "bad_header",
          "body_without_head", "block_in_submit", "silent_mid_stream", "leak_without_end"],
    200: ["two_finals", "answer_before", "ignore_cancel", "leak", "write_past_buffer",
          "accept_too_many"],
    None: ["abort_mid_stream", "silent_mid_stream"],
}


def test_every_sin_leaves_the_host_and_the_others_alone(host, faulty):
    sins = known_sins()
    served = host(
        "".join(faulty(s.replace("_", "-"), s) for s in sins) + deployment("calm"),
        plugins=[FAULTY],
        limits="replicas = 40",
    )
    with Traffic(served) as calm, concurrent.futures.ThreadPoolExecutor(len(sins)) as pool:
        asked = {s: pool.submit(ask, served, s.replace("_", "-")) for s in sins}
        outcomes = {s: a.result() for s, a in asked.items()}
    print(outcomes)
    assert calm.wrong == []
    assert served.process.poll() is None
    for sin, outcome in outcomes.items():
        expected = [status for status, names in OUTCOMES.items() if sin in names]
        assert not expected or outcome in expected, (sin, outcome)
    log = served.log_path.read_text()
    for sin in ("abort_in_submit", "block_in_submit", "accept_too_many", "abort_in_load"):
        assert f"default/{sin.replace('_', '-')}@production" in log
    assert "plugin 'faulty'" in log or "plugin=faulty" in log


def ask(served, model):
    """The status, or None when the connection ended without a whole answer; never a hang."""
    try:
        return served.post(model, data="x" * 100, timeout=(5, 60)).status_code
    except requests.exceptions.ReadTimeout:
        return "hung"
    except requests.RequestException:
        return None
