"""What the host promises around a plugin: names, errors, headers, bodies of any size, golden numbers."""

import json
import re

import numpy as np
import pytest
import requests
from conftest import SOURCE, deployment, minilm


@pytest.mark.parametrize(
    "path, status, code",
    [
        ("/default/models/nothing", 404, "WORKLOAD_NOT_FOUND"),
        ("/elsewhere/models/echo", 404, "WORKSPACE_NOT_FOUND"),
        ("/default/models/echo?environment=staging", 404, "WORKLOAD_NOT_FOUND"),
        ("/default/modles/echo", 404, "ROUTE_NOT_FOUND"),
        ("/nowhere", 404, "ROUTE_NOT_FOUND"),
        ("/v0/nothing", 404, "ROUTE_NOT_FOUND"),
    ],
)
def test_unknown_names(host, path, status, code):
    served = host(deployment("echo"))
    answer = requests.post(served.url + path, json={}, timeout=10)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["status"]) == (status, code, status)
    assert error["origin"] == "platform"
    assert error["requestId"] == answer.headers["x-request-id"]


def test_request_ids_reach_the_log(host):
    served = host(deployment("echo"))
    answer = served.post("missing", headers={"x-request-id": "find-me-7"})
    assert answer.headers["x-request-id"] == "find-me-7"
    assert "find-me-7" in served.log_path.read_text()


def test_a_large_body_passes_both_ways_without_being_held(host):
    served = host(deployment("echo"))
    served.post("echo", data="warm").raise_for_status()
    body = np.random.default_rng(1).bytes(64 << 20)

    def peak():
        status = open(f"/proc/{served.process.pid}/status").read()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) * 1024

    before = peak()
    assert served.post("echo", data=body).content == body
    assert peak() - before < 16 << 20


def test_streams_arrive_piece_by_piece(host):
    served = host(deployment("echo"))
    with served.post("echo", "/?stream=5&sleep_ms=1000", data="abcde", stream=True) as answer:
        assert answer.headers["transfer-encoding"] == "chunked"
        pieces = list(answer.iter_content(None))
    assert b"".join(pieces) == b"abcde"
    assert len(pieces) >= 3


def test_metrics_and_models_tell_of_a_cold_start(host):
    served = host(minilm())
    served.post("minilm", "/embed", json={"inputs": "x"}).raise_for_status()
    stages = served.status("minilm")["lastColdStart"]["stages"]
    assert {"queue", "place", "fork", "prepare", "map", "first"} <= set(stages)
    assert served.metric("tenon_requests_total", model="minilm", status="200") == 1
    assert served.metric("tenon_request_duration_seconds_count", model="minilm") == 1
    assert "te_request_count" in requests.get(
        served.endpoint("minilm") + "/metrics", timeout=10
    ).text


def test_embeddings_equal_the_reference(host):
    golden = json.loads((SOURCE / "tests/golden/minilm_embeddings.json").read_text())
    served = host(minilm())
    assert len(golden["cases"]) >= 60
    for case in golden["cases"]:
        request = {"inputs": case["text"], "truncate": True, **case.get("parameters", {})}
        answer = served.post("minilm", "/embed", json=request)
        if case["text"] == "":
            assert answer.status_code == 400
            continue
        got, want = np.array(answer.json()[0]), np.array(case["embedding"])
        assert np.abs(got - want).max() <= 2e-5, case["text"][:60]
        assert got @ want / np.linalg.norm(got) / np.linalg.norm(want) >= 0.99999


def test_company_does_not_change_an_embedding(host):
    served = host(minilm())
    texts = ["short", "a middling text about joints " * 5, "long " * 300]
    alone = [served.post("minilm", "/embed", json={"inputs": t}).json()[0] for t in texts]
    together = served.post("minilm", "/embed", json={"inputs": texts}).json()
    assert alone == together

