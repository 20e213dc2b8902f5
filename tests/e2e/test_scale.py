"""From zero to replicas and back: single flight, room for few, memory given back."""

import concurrent.futures
import pathlib
import threading
import time

import requests
from conftest import deployment, minilm, wait_for


def pss(pid):
    try:
        rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:  # it has just ended
        return 0
    return next(int(x.split()[1]) * 1024 for x in rollup.splitlines() if x.startswith("Pss:"))


def total_pss(host):
    return sum(pss(p) for p in [host.process.pid, *host.workers()])


def test_two_hundred_first_requests_share_one_load(host):
    served = host(minilm(limits="queue = 512"))
    barrier = threading.Barrier(200)

    def ask(number):
        barrier.wait()
        return number, served.post("minilm", "/embed", json={"inputs": f"text number {number}"})

    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        answers = list(pool.map(ask, range(200)))
    assert all(answer.status_code == 200 for _, answer in answers)
    assert len({answer.text for _, answer in answers}) == 200
    cold = served.metric("tenon_cold_start_seconds_count", model="minilm", stage="fork")
    assert cold == 1


def test_ten_thousand_requests_over_fifty_deployments_with_room_for_five(host):
    names = [f"m{i}" for i in range(50)]
    served = host(
        "".join(deployment(n, limits="queue = 4096\nmaxWait = '120s'") for n in names),
        limits="replicas = 5",
    )
    failures = []

    def run(worker):
        session = requests.Session()
        for i in range(worker, 10_000, 32):
            name, body = names[(i // 32) % 50], f"request {i}"
            answer = session.post(served.endpoint(name) + "/", data=body, timeout=150)
            if answer.status_code != 200 or answer.text != body:
                failures.append((i, answer.status_code, answer.text[:200]))

    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        list(pool.map(run, range(32)))
    assert failures == []
    assert len(served.workers()) <= 5 + 3  # replicas, template, spare fork, one just ending


def test_memory_comes_back_after_traffic(host):
    served = host(minilm(scale='lastReplicaRetention = "300ms"'))
    rest = total_pss(served)
    for _ in range(5):
        served.post("minilm", "/embed", json={"inputs": ["hello " * 200] * 8}).raise_for_status()
    loaded = total_pss(served)
    assert loaded > rest + 40e6
    wait_for(lambda: served.status("minilm")["replicas"]["ready"] == 0, 20, "zero replicas")
    # What stays is the host and one template with its plugin loaded.
    wait_for(lambda: total_pss(served) < rest + 15e6, 20, "the memory is given back")


def test_scales_up_by_concurrency_and_down_again(host):
    served = host(
        deployment(
            "echo",
            scale='maxReplicas = 3\ntarget = 2\nstableWindow = "6s"\nlastReplicaRetention = "1s"',
        )
    )
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        answers = [pool.submit(served.post, "echo", "/?sleep_ms=1500") for _ in range(12)]
        wait_for(lambda: served.status("echo")["replicas"]["ready"] == 3, 20, "three replicas")
        assert all(a.result().status_code == 200 for a in answers)
    wait_for(lambda: served.status("echo")["replicas"]["ready"] == 0, 30, "zero replicas")


def test_a_slow_load_delays_no_other_model(host):
    served = host(
        deployment("slow", options="loadMs = 3000", limits='maxWait = "300ms"') + deployment("quick")
    )
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        slow = pool.submit(served.post, "slow")
        time.sleep(0.1)
        assert served.post("quick", data="x").text == "x"
        refused = slow.result()
    assert refused.status_code == 503
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.json()["error"]["retryable"] is True
    assert "loading" in refused.json()["error"]


def test_passive_questions_do_not_wake_a_model(host):
    served = host(minilm())
    for _ in range(3):
        assert requests.get(served.endpoint("minilm") + "/health", timeout=5).status_code == 200
    assert served.status("minilm")["replicas"] == {"ready": 0, "starting": 0}
    assert served.workers() == []
