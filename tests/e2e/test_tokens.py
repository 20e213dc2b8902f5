"""Token budgets hold, and what was spent and used survives the host."""

import json
import re
import signal
import subprocess
import threading
import time

import requests
from conftest import BUILD, deployment, wait_for

ENVIRONMENT = '[[environment]]\nname = "production"\npolicies = ["cap"]\n'


def policy(total, granularity="month", name="cap"):
    return (
        f'[[policy]]\nname = "{name}"\ntype = "maxToken"\n'
        f'maxTokens = {{ granularity = "{granularity}", total = {total} }}\n'
    )


def spend(served, model, count, output=0):
    return served.post(model, f"/?input_tokens={count}&output_tokens={output}", data="x")


def spent(answer):
    assert answer.status_code == 429, answer.text
    found = re.search(r"(\d+) input and (\d+) output tokens", answer.json()["error"]["message"])
    return tuple(map(int, found.groups()))


def test_a_spent_budget_refuses_until_its_window_ends(host):
    served = host(policy(100) + ENVIRONMENT + deployment("a") + deployment("b"))
    assert spend(served, "a", 60).status_code == 200
    assert spend(served, "b", 60, 5).status_code == 200, "the one that crosses is served"
    refused = spend(served, "a", 1)
    error = refused.json()["error"]
    assert (refused.status_code, error["code"]) == (429, "TOKEN_LIMIT_REACHED")
    assert error["retryable"] is True
    assert "policy cap of environment default/production allows 100 total" in error["message"]
    assert spent(refused) == (120, 5)
    assert 0 < int(refused.headers["retry-after"]) <= 31 * 86400
    assert served.metric("tenon_token_budget_spent_tokens", policy="cap", tokens="total") == 125
    assert served.metric("tenon_token_budget_limit_tokens", environment="production") == 100
    assert spend(served, "b", 1).status_code == 429, "one pool for the environment"
    for path in ("models/a", "environments/production", "policies/cap"):
        (budget,) = requests.get(f"{served.url}/v0/{path}", timeout=10).json()["tokenBudgets"]
        assert budget["owner"] == "environment default/production"
        assert (budget["limit"], budget["spent"], budget["left"]) == (100, 125, 0), path
    words = [BUILD / "bin/tenon", "describe", "policy", "cap", "--api", served.url]
    told = subprocess.run(words, capture_output=True, text=True, timeout=20, check=True).stdout
    assert re.search(r"^cap +environment default/production +total +100 +125 +0 ", told, re.M), told


def test_a_policy_of_a_deployment_is_its_own(host):
    carried = 'policies = ["cap"]'
    served = host(
        policy(50)
        + deployment("a", extra=carried)
        + deployment("b", extra=carried)
        + deployment("free")
    )
    assert spend(served, "a", 50).status_code == 200
    assert spend(served, "a", 1).status_code == 429
    assert spend(served, "b", 1).status_code == 200
    assert spend(served, "free", 1000).status_code == 200


def test_a_change_of_a_policy_holds_at_once(host):
    served = host(deployment("a"))
    api = served.url + "/v0/policies"
    assert spend(served, "a", 1000).status_code == 200
    limits = {"granularity": "month", "total": 100}
    made = requests.post(api, json={"name": "cap", "type": "maxToken", "maxTokens": limits})
    assert made.status_code == 201, made.text
    production = requests.put(
        served.url + "/v0/environments/production", json={"policies": ["cap"]}
    )
    assert production.ok, production.text
    assert spend(served, "a", 100).status_code == 200, "what was spent before does not count"
    assert spend(served, "a", 1).status_code == 429
    limits["total"] = 1000
    assert requests.put(api + "/cap", json={"type": "maxToken", "maxTokens": limits}).ok
    wait_for(lambda: spend(served, "a", 1).status_code == 200, 2, "the new limit holds")
    assert served.status("a")["replicas"]["ready"] == 1, "and no replica was started for it"


def test_counts_survive_a_clean_stop_exactly(host):
    served = host(policy(1000) + ENVIRONMENT + deployment("a"))
    for _ in range(7):
        assert spend(served, "a", 142, 1).status_code == 200
    assert served.stop() == 0
    served.start()
    assert spend(served, "a", 0).status_code == 429
    assert spent(spend(served, "a", 1)) == (994, 7)


class Spender(threading.Thread):
    """Spends seven tokens again and again, and keeps when each request was answered."""

    def __init__(self, served, model):
        super().__init__()
        self.served, self.model = served, model
        self.times = []
        self.over = threading.Event()

    def run(self):
        session = requests.Session()
        url = self.served.endpoint(self.model) + "/?input_tokens=5&output_tokens=2"
        while not self.over.is_set():
            try:
                if session.post(url, data="x", timeout=20).status_code != 200:
                    return
            except requests.ConnectionError:
                return
            self.times.append(time.monotonic())


def spending(served, seconds):
    spenders = [Spender(served, model) for model in ("a", "b") for _ in range(2)]
    for each in spenders:
        each.start()
    time.sleep(seconds)
    return spenders


def lowered(served, total=1):
    """What was spent, once the policy allows less than that."""
    served.write(policy(total) + ENVIRONMENT + deployment("a") + deployment("b"))
    served.start()
    return spent(spend(served, "a", 0))


def test_counts_are_exact_under_load(host):
    served = host(policy(10**9) + ENVIRONMENT + deployment("a") + deployment("b"))
    spenders = spending(served, 2)
    for each in spenders:
        each.over.set()
        each.join()
    count = sum(len(each.times) for each in spenders)
    assert count > 100
    assert usage(served)["total"]["requests"] == count
    assert served.metric("tenon_tokens_total", direction="input") == 5 * count
    served.stop()
    assert lowered(served) == (5 * count, 2 * count)


def events(served):
    told = requests.get(served.url + "/v0/models/a/events", timeout=10).json()["items"]
    assert told == requests.get(served.url + "/v0/models/a", timeout=10).json()["events"]
    return told


def test_a_kill_loses_at_most_the_last_second(host):
    served = host(policy(10**9) + ENVIRONMENT + deployment("a") + deployment("b"))
    spenders = spending(served, 3.5)
    before = events(served)
    killed = time.monotonic()
    served.stop(signal.SIGKILL)
    for each in spenders:
        each.join()
    times = [when for each in spenders for when in each.times]
    slack = 0.5  # the write itself, on a busy disk
    safe = sum(when < killed - 1 - slack for when in times)
    got_input, got_output = lowered(served)
    assert before[-1]["type"] == "Revision"
    assert events(served)[: len(before)] == before, "what happened is known after it"
    assert 5 * safe <= got_input <= 5 * (len(times) + len(spenders))
    assert 2 * safe <= got_output <= 2 * (len(times) + len(spenders))
    metered = usage(served)["total"]["inputTokens"]
    assert abs(metered - got_input) <= 5 * len(spenders), "all but those that ended just then"


def usage(served, **query):
    answer = requests.get(served.url + "/v0/usage", params=query, timeout=10)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_usage_is_told_by_what_is_asked_and_kept(host):
    served = host(deployment("a", scale='lastReplicaRetention = "0s"') + deployment("idle"))
    for _ in range(3):
        assert spend(served, "a", 5, 7).status_code == 200
    wait_for(lambda: served.status("a")["replicas"]["ready"] == 0, 20, "it is at zero")
    told = usage(served)
    (item,) = told["items"]
    assert (item["model"], item["environment"], item["requests"]) == ("a", "production", 3)
    assert (item["inputTokens"], item["outputTokens"]) == (15, 21)
    assert item["replicaSeconds"] > 0 and item["deviceByteSeconds"] > 0
    assert told["total"]["requests"] == 3
    assert served.metric("tenon_usage_requests_total", model="a", flavor="cpu/x86") == 3
    assert served.metric("tenon_usage_input_tokens_total", model="a") == 15
    time.sleep(1.5)
    assert usage(served) == {**told, "to": usage(served)["to"]}, "nothing is used at zero"
    assert usage(served, by="flavor")["items"][0]["flavor"] == "cpu/x86"
    assert usage(served, by="revision")["items"][0]["revision"] == 1
    assert usage(served, by="environment")["items"][0]["environment"] == "production"
    assert usage(served, to="2026-01-01")["items"] == []
    for query in ({"by": "day"}, {"from": "yesterday"}, {"from": "2026-02-01", "to": "2026-01-01"}):
        assert requests.get(served.url + "/v0/usage", params=query).status_code == 422, query
    served.stop()
    served.start()
    assert usage(served)["items"] == [item]
    words = [BUILD / "bin/tenon", "usage", "--api", served.url]
    table = subprocess.run(words, capture_output=True, text=True, timeout=20, check=True).stdout
    assert table.splitlines()[1].split()[:5] == ["a", "production", "3", "15", "21"]
    shown = subprocess.run([*words, "-o", "json"], capture_output=True, timeout=20, check=True)
    assert json.loads(shown.stdout)["items"] == [item]
