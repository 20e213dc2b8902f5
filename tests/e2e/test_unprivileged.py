"""A host that is not root: workers, sandbox, caches and memory readings without privileges."""

import os
import pathlib
import shutil
import tempfile

import pytest
import requests
from conftest import BUILD, SOURCE, Host, deployment, minilm, running, wait_for

NOBODY = 65534


def nobody_can_reach(path):
    return all(p.stat().st_mode & 0o001 for p in [path, *path.parents])


@pytest.fixture
def folder():
    made = pathlib.Path(tempfile.mkdtemp(prefix="tenon-user-"))
    if os.geteuid() == 0:
        os.chown(made, NOBODY, NOBODY)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def user():
    if os.geteuid() != 0:
        return {}
    for path in (BUILD / "bin", SOURCE):
        if not nobody_can_reach(path):
            pytest.skip(f"{path} cannot be reached by another user")
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []}


def status_of(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def test_a_host_that_is_not_root_serves_confines_and_cleans_up(folder, user):
    served = Host(folder, minilm() + deployment("echo"), limits='memory = "2GiB"', run_as=user)
    try:
        check(served)
    finally:
        served.stop()


def check(served):
    assert served.post("echo", data="x").text == "x"
    served.post("minilm", "/embed", json={"inputs": "x"}).raise_for_status()
    below = served.workers()
    for pid in below:
        status = status_of(pid)
        assert status["Uid"].split()[0] != "0"
        assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
        assert int(status["CapEff"], 16) == 0
    for model, least in (("echo", 1 << 19), ("minilm", 40 << 20)):
        entry = wait_for(
            lambda model=model: served.status(model)["memoryBytes"] and served.status(model),
            20,
            "the memory is read",
        )
        assert least < entry["memoryBytes"] < 2 << 30, entry
    # What was packed for the first replica is there for the next.
    kept = {p.name for p in (served.data / "cache/tei").rglob("*") if p.is_file()}
    assert kept
    log = served.log_path.read_text()
    assert "Landlock files" in log and "seccomp" in log
    # Groups of its own may have been handed to it; else it says so, once, and what would help.
    refused = log.count("memory limit by cgroup: ")
    assert refused == 1 and "RLIMIT_DATA holds alone" in log or "memory limit by cgroup v" in log
    assert served.stop() == 0
    wait_for(lambda: not any(running(pid) for pid in below), 5, "its processes end")
    with pytest.raises(requests.ConnectionError):
        requests.get(served.url + "/healthz", timeout=2)
