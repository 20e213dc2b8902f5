"""What those see who watch a list: all that is there, however much, and then what changes."""

import json
import time

import requests
from conftest import SOURCE, wait_for

FLEET = 10_000


def events(stream):
    name = None
    for line in stream.iter_lines(chunk_size=1 << 16):
        if line.startswith(b"event: "):
            name = line[7:].decode()
        elif line.startswith(b"data: "):
            yield name, json.loads(line[6:])


def test_a_fleet_is_told_whole_and_then_what_changes(host):
    served = host("")
    labels = {f"note{i}": 250 * "x" for i in range(4)}  # 17 MB in all
    spec = {"runtime": "echo", "origin": f"file:{SOURCE / 'samples/echo'}", "labels": labels}
    fleet = [{"kind": "deployment", "spec": {"model": f"m{i}", **spec}} for i in range(FLEET)]
    assert requests.post(served.url + "/v0/apply", json={"resources": fleet}, timeout=60).ok
    last = served.url + "/v0/models/m9999"
    wait_for(lambda: '"DEPLOYED"' in requests.get(last, timeout=10).text, 20, "all are there")
    with requests.get(served.url + "/v0/models?watch=true", stream=True, timeout=30) as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        time.sleep(1)  # a client that is slow at first
        told = events(answer)
        for _ in range(FLEET):
            assert next(told)[0] == "added"
        assert next(told) == ("synced", {})
        one = served.url + "/v0/models/m7?environment=production"
        assert requests.delete(one, timeout=10).ok
        name, gone = next(told)
        assert (name, gone["metadata"]["name"]) == ("removed", "m7")
        assert served.post("m8", data="x").ok
        name, changed = next(told)
        assert (name, changed["status"]["state"]) == ("changed", "DEPLOYING")
    served.stop()
