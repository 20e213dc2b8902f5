"""Sends the quickstart's requests and prints what they took. Standard library only."""

import http.client
import json
import sys
import time
import urllib.parse

url, endpoint, body = sys.argv[1:]
address = urllib.parse.urlparse(url)


def request(method, target, data=None):
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=90)
    start = time.perf_counter()
    connection.request(method, target, data, {"content-type": "application/json"})
    response = connection.getresponse()
    payload = response.read()
    elapsed = (time.perf_counter() - start) * 1e3
    connection.close()
    if response.status != 200:
        sys.exit(f"{method} {target} was answered {response.status}: {payload.decode(errors='replace')}")
    return elapsed, json.loads(payload)


def deployment():
    return request("GET", "/v0/models")[1]["items"][0]["status"]


def until_gone(limit):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if deployment()["replicas"]["ready"] == 0:
            return True
        time.sleep(0.1)
    return False


def show(title, elapsed):
    print(f"  {title:<44} {elapsed:7.1f} ms")
    for stage, ms in deployment()["lastColdStart"]["stages"].items():
        if ms >= 0.05:
            print(f"      {stage:<40} {ms:7.1f}")


path = urllib.parse.urlparse(endpoint).path + "/embed"
elapsed, embedding = request("POST", path, body)
numbers = ", ".join(f"{x:.4f}" for x in embedding[0][:4])
print(f"  embedding of {len(embedding[0])} numbers: [{numbers}, …]")
show("first request ever (makes the caches)", elapsed)

warm = sorted(request("POST", path, body)[0] for _ in range(20))
print(f"  {'warm request (median of 20)':<44} {warm[10]:7.1f} ms")

if until_gone(30):
    show("first request after it had gone to zero", request("POST", path, body)[0])
