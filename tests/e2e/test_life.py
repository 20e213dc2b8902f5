"""Whatever is done to a deployment under load: no request fails, and none is answered by a revision
that it may not come from."""

import contextlib
import http.client
import os
import signal
import threading
import time

import pytest
import requests
from conftest import BUILD, SOURCE, deployment, wait_for

ECHO = f"file:{SOURCE / 'samples/echo'}"
STEP = 400  # requests that are answered, at least, before and after each operation


class Clients:
    """Two client loops on one endpoint. They note when each request began and ended, and what came:
    the text that a revision puts before its echo, or the status and code of a refusal."""

    def __init__(self, served, model):
        self.port, self.path = served.port, f"/default/models/{model}/"
        self.answers = []  # (begin, end, what)
        self.rules = []  # (since, {what})
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.run) for _ in range(2)]

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        while not self.stopping.is_set():
            begin = time.monotonic()
            try:
                connection.request("POST", self.path, body="|x")
                answer = connection.getresponse()
                text = answer.read().decode()
                what = text.removesuffix("|x") if answer.status == 200 else str(answer.status)
            except (OSError, http.client.HTTPException) as error:
                what = repr(error)
                connection.close()
            self.answers.append((begin, time.monotonic(), what))

    def expect(self, *what):
        """From now on each request that begins is answered with one of these."""
        self.rules.append((time.monotonic(), set(what)))
        self.more()

    def more(self, count=STEP):
        """What comes for the next `count` requests, how often."""
        first = len(self.answers)
        wait_for(lambda: len(self.answers) >= first + count, 60, "answers come")
        seen = [what for _, _, what in self.answers[first : first + count]]
        return {what: seen.count(what) for what in set(seen)}

    def wrong(self):
        ends = [since for since, _ in self.rules[1:]] + [float("inf")]
        spans = [(since, end, what) for (since, what), end in zip(self.rules, ends)]
        return [
            (begin, what)
            for begin, end, what in self.answers
            if not any(what in good for since, until, good in spans if begin < until and end >= since)
        ]


@contextlib.contextmanager
def clients(served, model, first):
    loop = Clients(served, model)
    loop.rules.append((0, {first}))
    for thread in loop.threads:
        thread.start()
    try:
        loop.more()
        yield loop
    finally:
        loop.stopping.set()
        for thread in loop.threads:
            thread.join()
    assert loop.wrong() == []
    assert len(loop.answers) > 2 * STEP


class Api:
    def __init__(self, served):
        self.url = served.url + "/v0"

    def __call__(self, method, path, body=None, status=(200, 201)):
        answer = requests.request(method, self.url + path, json=body, timeout=30)
        assert answer.status_code in status, answer.text
        return answer.json()

    def put(self, model, prefix, environment="production", **spec):
        spec = {"runtime": "echo", "origin": ECHO, "options": {"prefix": prefix}} | spec
        self("PUT", f"/models/{model}?environment={environment}", spec)

    def serves(self, model, revision):
        """Waits until the requests are this revision's alone."""

        def done():
            status = self("GET", f"/models/{model}")["status"]
            return status["revision"] == revision and "nextRevision" not in status

        wait_for(done, 20, f"{model} is served by revision {revision}")


@pytest.fixture
def api(host):
    served = host("", plugins=[BUILD / "test-plugins"])
    api = Api(served)
    api.served = served
    return api


def test_what_is_said_to_be_written_is_there(api):
    for number in range(50):
        api.put(f"m{number}", "1")
        assert api.served.post(f"m{number}", data="|x").text == "1|x"
        if number % 2:
            api("DELETE", f"/models/m{number}?environment=production")
            assert api.served.post(f"m{number}", data="|x").status_code == 404


def test_updates_of_settings(api):
    api.put("m", "1")
    with clients(api.served, "m", "1") as loop:
        for number in range(2, 8):
            loop.expect(str(number - 1), str(number))
            api.put("m", str(number))
            api.serves("m", number)
            loop.expect(str(number))


def test_files_that_change_are_served_once_it_is_said_again(api, tmp_path):
    (folder := tmp_path / "model").mkdir()
    (folder / "config.json").write_text("1")
    origin = f"file:{folder}"
    api.put("m", "1", origin=origin)
    with clients(api.served, "m", "1") as loop:
        first = api("GET", "/models/m")["status"]["pids"]
        api.put("m", "1", origin=origin)
        (folder / "config.json").write_text("2")
        loop.more()
        assert api("GET", "/models/m")["status"]["pids"] == first
        api.put("m", "1", origin=origin)
        api.serves("m", 2)
        loop.more()
        assert api("GET", "/models/m")["status"]["pids"] != first
    kept = api("GET", "/models/m/revisions")["items"]
    assert len({revision["originDigest"] for revision in kept}) == len(kept) == 2


def test_updates_of_origin_runtime_and_policies(api, tmp_path):
    api("PUT", "/policies/cpu", {"type": "flavor", "flavors": ["cpu/x86"]})
    api.put("m", "1")
    steps = [
        ("2", {"origin": f"file:{tmp_path}"}),
        ("", {"runtime": "faulty", "options": {}}),
        ("4", {"scale": {"minReplicas": 1, "maxReplicas": 2}}),
        ("4", {"policies": ["cpu"]}),
        ("4", {"env": {"COLOUR": "blue"}, "limits": {"queue": 100}}),
    ]
    with clients(api.served, "m", "1") as loop:
        before = "1"
        for revision, (after, spec) in enumerate(steps, 2):
            loop.expect(before, after)
            api.put("m", after, **spec)
            api.serves("m", revision)
            loop.expect(after)
            before = after


def test_an_update_that_fails_and_the_one_that_mends_it(api):
    api.put("m", "1")
    with clients(api.served, "m", "1") as loop:
        api.put("m", "", runtime="faulty", options={"sin": "fail_load"})
        failed = wait_for(
            lambda: api("GET", "/models/m")["status"].get("failedRevision"), 20, "it fails"
        )
        assert failed["number"] == 2
        assert failed["reason"].endswith("the weights were not to its liking")
        loop.more()
        loop.expect("1", "3")
        api.put("m", "3")
        api.serves("m", 3)
        loop.expect("3")


def test_the_next_host_knows_which_revision_has_served(api):
    api.put("m", "1")
    api.served.post("m", data="|x").raise_for_status()
    api.put("m", "", runtime="faulty", options={"sin": "fail_load"})
    wait_for(lambda: api("GET", "/models/m")["status"].get("failedRevision"), 20, "it fails")
    api.served.stop(signal.SIGKILL)
    api.served.start()
    with clients(api.served, "m", "1") as loop:
        loop.more()
        assert api("GET", "/models/m")["status"]["failedRevision"]["number"] == 2
    # And so it is for an update that the next host is given, before anything is started there.
    api("POST", "/models/m/rollback", {"revision": 1})
    api.serves("m", 3)
    api.served.stop()
    api.served.start()
    api.put("m", "", runtime="faulty", options={"sin": "fail_load"})
    with clients(api.served, "m", "1") as loop:
        loop.more()


def test_rollback_to_each_of_the_kept_ones(api):
    for number in range(1, 13):
        api.put("m", str(number))
    kept = [each["number"] for each in api("GET", "/models/m/revisions")["items"]]
    assert kept == list(range(12, 2, -1))
    with clients(api.served, "m", "12") as loop:
        before, newest = "12", 12
        for _ in range(8):
            # Each rollback is a revision of its own, so that the oldest goes: always to the oldest.
            oldest = api("GET", "/models/m/revisions")["items"][-1]
            after = oldest["spec"]["options"]["prefix"]
            loop.expect(before, after)
            api("POST", "/models/m/rollback", {"revision": oldest["number"]})
            before, newest = after, newest + 1
            api.serves("m", newest)
            loop.expect(after)
        api("POST", "/models/m/rollback", {"revision": 3}, status=(404,))


def test_release_with_and_without_the_policies_of_the_origin(api):
    for name in ("mine", "theirs"):
        api("PUT", f"/policies/{name}", {"type": "flavor", "flavors": ["cpu/x86"]})
    api.put("m", "1", policies=["theirs"])
    api.put("m", "2", environment="development", policies=["mine"])
    with clients(api.served, "m", "1") as loop:
        loop.expect("1", "2")
        done = api("POST", "/models/m/release", {"from": "development", "to": "production"})
        assert done["spec"]["policies"] == ["theirs"]
        api.serves("m", 2)
        loop.expect("2")
        api.put("m", "3", environment="development", policies=["mine"])
        loop.expect("2", "3")
        body = {"from": "development", "to": "production", "policies": True}
        assert api("POST", "/models/m/release", body)["spec"]["policies"] == ["mine"]
        api.serves("m", 3)
        loop.expect("3")


def test_a_canary_step_by_step(api):
    api.put("m", "1")
    with clients(api.served, "m", "1") as loop:
        loop.expect("1", "2")
        api.put("m", "2", canary={"weight": 20})
        wait_for(
            lambda: api("GET", "/models/m")["status"]["canary"]["replicas"]["ready"], 20, "it serves"
        )
        assert 60 <= loop.more(400)["2"] <= 100
        assert api("POST", "/models/m/canary", {"weight": 70})["metadata"]["revision"] == 2
        loop.more(20)
        assert 260 <= loop.more(400)["2"] <= 300
        shares = {r["number"]: r["weight"] for r in api("GET", "/models/m/revisions")["items"]}
        assert shares == {2: 70, 1: 30}
        api("POST", "/models/m/canary", {"weight": 100})
        api.serves("m", 2)
        loop.expect("2")

        # Given up, and one that cannot load.
        loop.expect("2", "3")
        api.put("m", "3", canary={"weight": 50})
        loop.more(STEP)
        api("POST", "/models/m/canary", {"weight": 0})
        api.serves("m", 4)
        loop.expect("2")
        api.put(
            "m", "", runtime="faulty", options={"sin": "fail_load"}, canary={"weight": 30}
        )
        canary = wait_for(
            lambda: "failure" in (c := api("GET", "/models/m")["status"]["canary"]) and c, 20, "it fails"
        )
        assert canary["failure"].endswith("the weights were not to its liking")
        loop.more()

        # An update ends it.
        loop.expect("2", "6")
        api.put("m", "6")
        api.serves("m", 6)
        loop.expect("6")
    events = api("GET", "/models/m")["events"]
    assert any(e["type"] == "RevisionFailed" and e["revision"] == 5 for e in events)


def test_a_canary_survives_a_kill_of_the_host(api):
    api.put("m", "1")
    api.put("m", "2", canary={"weight": 50})
    api.served.stop(signal.SIGKILL)
    api.served.start()
    with clients(api.served, "m", "1") as loop:
        loop.rules = [(0, {"1", "2"})]
        assert 60 <= loop.more(200)["2"] <= 140
        api("POST", "/models/m/canary", {"weight": 0})
        api.serves("m", 3)
        loop.expect("1")


def test_switched_off_and_on(api):
    api.put("m", "1")
    with clients(api.served, "m", "1") as loop:
        for _ in range(4):
            loop.expect("1", "409")
            api("POST", "/models/m/deactivate")
            wait_for(lambda: loop.answers[-1][2] == "409", 20, "it is off")
            loop.expect("409")
            loop.expect("1", "409")
            api("POST", "/models/m/activate")
            wait_for(lambda: loop.answers[-1][2] == "1", 20, "it is on")
            loop.expect("1")


def test_deleted_and_made_again(api):
    api.put("m", "1")
    with clients(api.served, "m", "1") as loop:
        for number in range(2, 5):
            before, after = str(number - 1), str(number)
            loop.expect(before, "404")
            api("DELETE", "/models/m?environment=production")
            wait_for(lambda: loop.answers[-1][2] == "404", 20, "it is gone")
            loop.expect("404")
            loop.expect("404", after)
            api.put("m", after)
            wait_for(lambda: loop.answers[-1][2] == after, 20, "it is there again")
            loop.expect(after)


def test_policies_of_the_environment_change(host):
    served = host("", host='location = "paris"')
    api = Api(served)
    for name, country, continent in (("paris", "fr", "eu"), ("portland", "us", "na")):
        api("PUT", f"/locations/{name}", {"country": country, "continent": continent})
    for name in ("eu", "na"):
        api("PUT", f"/policies/{name}", {"type": "location", "locations": [f"continent/{name}"]})
    api("PUT", "/policies/cpu", {"type": "flavor", "flavors": ["cpu/x86"]})
    api.put("m", "1", policies=["eu"])
    with clients(served, "m", "1") as loop:
        pid = served.status("m")["pids"]
        refused = api("PUT", "/environments/production", {"policies": ["na"]}, status=(403,))
        assert "(policy eu), that is paris" in refused["error"]["message"]
        for allowed in (["eu"], ["eu", "cpu"], ["eu", "na"], []):
            api("PUT", "/environments/production", {"policies": allowed})
            loop.more()
        assert served.status("m")["pids"] == pid  # what stays allowed is not touched
        loop.expect("1", "403")
        api("PUT", "/environments/production?force=true", {"policies": ["na"]})
        wait_for(lambda: loop.answers[-1][2] == "403", 20, "it may not run here")
        loop.expect("403")
        assert served.status("m")["state"] == "FAILED"
        wait_for(lambda: served.status("m")["replicas"]["ready"] == 0, 20, "its replica goes")
        loop.expect("1", "403")
        api("PUT", "/environments/production", {"policies": ["eu"]})
        wait_for(lambda: loop.answers[-1][2] == "1", 20, "it may run again")
        loop.expect("1")


def test_the_host_reads_its_file_again(host):
    def fleet(prefix, extra=""):
        return deployment("m", options=f'prefix = "{prefix}"', extra=extra) + deployment("other")

    served = host(fleet("1"))
    api = Api(served)
    with clients(served, "m", "1") as loop:
        for number in range(2, 6):
            loop.expect(str(number - 1), str(number))
            served.write(fleet(number))
            served.process.send_signal(signal.SIGHUP)
            api.serves("m", number)
            loop.expect(str(number))
        api("POST", "/models/m/canary", {"weight": 100}, status=(422,))
        served.write(fleet("6", extra="canary = {weight = 50}"))
        loop.expect("5", "6")
        served.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "6" in loop.more(20), 20, "the canary of the file serves")
        api("POST", "/models/m/canary", {"weight": 100}, status=(409,))
        served.write(fleet("6"))
        served.process.send_signal(signal.SIGHUP)
        api.serves("m", 6)
        loop.expect("6")


def test_workers_that_are_killed(api):
    api.put("m", "1", scale={"minReplicas": 2, "maxReplicas": 2})
    with clients(api.served, "m", "1") as loop:
        killed = set()
        for _ in range(6):

            def two():
                pids = api.served.status("m")["pids"]
                return pids if len(pids) == 2 and not killed & set(pids) else None

            pid = wait_for(two, 20, "two replicas")[0]
            os.kill(pid, signal.SIGKILL)
            killed.add(pid)
            loop.more()
