"""Who may do what, at a live host: the open mode, the first key, roles, workspaces."""

import json
import os
import signal
import subprocess
import warnings

import pytest
import requests
from conftest import BUILD, Host, deployment, free_port, wait_for

TENON = BUILD / "bin/tenon"


def tenon(*words, key=None, good=True):
    environment = {**os.environ, "TENON_API_KEY": key or ""}
    done = subprocess.run([TENON, *words], capture_output=True, text=True, env=environment, timeout=60)
    assert (done.returncode == 0) == good, done.stderr
    return done.stdout.strip() if good else done.stderr


def create(served, *words, key=None):
    return tenon("keys", "create", "--api", served.url, *words, key=key)


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


def test_an_open_host_says_so_and_answers_no_web_page(host):
    served = host(deployment("echo"))
    assert "open: there are no API keys" in served.log_path.read_text()
    assert served.post("echo", data="a").ok
    for headers in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}):
        assert served.post("echo", data="a", headers=headers).status_code == 403
        assert requests.get(served.url + "/v0/models", headers=headers, timeout=10).status_code == 403
    attack = requests.post(
        served.url + "/v0/keys", data='{"role":"admin"}', headers={"Content-Type": "text/plain"}, timeout=10
    )
    assert attack.status_code == 415


def test_an_open_host_starts_on_no_other_address(host):
    with pytest.raises(AssertionError, match="there are no API keys"):
        host(deployment("echo"), host='controlListen = ["0.0.0.0:0"]')


def test_the_first_key_closes_the_host_for_ever(host):
    served = host(deployment("echo"))
    admin = create(served, "--role", "admin", "--name", "first")
    models = served.url + "/v0/models"
    for path in ("/v0/models", "/metrics", "/default/models/echo", "/v0/keys"):
        refused = requests.get(served.url + path, timeout=10)
        assert refused.status_code == 401, path
        assert refused.headers["www-authenticate"] == "Bearer"
    for path in ("/healthz", "/readyz"):
        assert requests.get(served.url + path, timeout=10).ok
    assert requests.get(models, headers=bearer(admin), timeout=10).ok
    (key,) = json.loads(tenon("keys", "list", "-o", "json", "--api", served.url, key=admin))["items"]
    tenon("keys", "delete", key["id"], "--api", served.url, key=admin)
    assert requests.get(models, headers=bearer(admin), timeout=10).status_code == 401
    served.stop()
    served.start()
    assert requests.get(models, timeout=10).status_code == 401


def test_the_first_key_can_be_made_while_no_host_runs(host, tmp_path):
    served = host(deployment("echo"))
    refused = tenon("keys", "create", "--role", "admin", "--config", str(served.config), good=False)
    assert "in use by a host" in refused and "--api" in refused
    served.stop()
    out = tmp_path / "admin.key"
    tenon("keys", "create", "--role", "admin", "--data", str(served.data), "--out", str(out))
    assert out.stat().st_mode & 0o777 == 0o600
    served.start()
    assert requests.get(served.url + "/v0/models", timeout=10).status_code == 401
    listed = tenon("keys", "list", "--api", served.url, "--key-file", str(out))
    assert "admin" in listed
    again = ["keys", "create", "--role", "admin", "--api", served.url, "--key-file", str(out)]
    assert "cannot make" in tenon(*again, "--out", str(out), good=False)  # and no key was made
    assert len(tenon("keys", "list", "--api", served.url, "--key-file", str(out)).splitlines()) == 2


def test_a_container_is_given_a_key_before_its_first_start(host, tmp_path):
    out = tmp_path / "admin.key"
    tenon("keys", "create", "--role", "admin", "--data", str(tmp_path / "data"), "--out", str(out))
    port = free_port()
    served = host(deployment("echo"), host=f'controlListen = ["0.0.0.0:{port}"]')
    models = f"http://127.0.0.1:{port}/v0/models"
    assert "open:" not in served.log_path.read_text()
    assert requests.get(models, timeout=10).status_code == 401
    assert requests.get(models, headers=bearer(out.read_text().strip()), timeout=10).ok


def test_the_audit_log_tells_of_keys_and_of_refused_writes(host):
    served = host(deployment("echo"))
    admin = create(served, "--role", "admin", "--name", "boss")
    member = create(served, "--role", "member", "--workspace", "default", key=admin)
    policy = {"name": "eu", "type": "location", "locations": ["continent/eu"]}
    for key, status in ((member, 403), (admin, 201)):
        url = served.url + "/v0/policies/eu"
        assert requests.put(url, json=policy, headers=bearer(key), timeout=10).status_code == status

    def entries():
        url = served.url + "/v0/audit"
        found = requests.get(url, headers=bearer(admin), timeout=10).json()["items"]
        return any(each["action"] == "refused" for each in found) and found

    told = [(e["action"], e["resource"], e["result"]) for e in wait_for(entries, 15, "a refusal")]
    assert ("refused", "PUT /v0/policies/eu", "FORBIDDEN") in told
    assert ("created", "policy default/eu", "ok") in told
    assert [t for t in told if t[0] == "created" and "key boss" in t[1]]
    assert admin not in str(told) and member not in str(told)


def test_an_invoke_key_invokes_in_its_workspace_and_no_more(host):
    served = host(deployment("echo"))
    admin = create(served, "--role", "admin")
    here = create(served, "--role", "invoke", "--workspace", "default", key=admin)
    unknown = ["keys", "create", "--role", "admin", "--workspace", "other", "--api", served.url]
    assert "no workspace 'other'" in tenon(*unknown, key=admin, good=False)
    other = served.url + "/v0/workspaces/other"
    assert requests.put(other, json={"name": "other"}, headers=bearer(admin), timeout=10).ok
    elsewhere = create(served, "--role", "admin", "--workspace", "other", key=admin)
    assert served.post("echo", data="a", headers=bearer(here)).content == b"a"
    assert served.post("echo", data="a", headers={"X-Beamlit-Api-Key": here}).ok
    assert served.post("echo", data="a", headers=bearer(elsewhere)).status_code == 403
    for key in (here, elsewhere):
        assert requests.get(served.url + "/metrics", headers=bearer(key), timeout=10).status_code == 403
        wish = {"role": "invoke"}
        made = requests.post(served.url + "/v0/keys", json=wish, headers=bearer(key), timeout=10)
        assert made.status_code == 403
    # an admin of a workspace manages the keys of it
    own = create(served, "--role", "invoke", "--workspace", "other", key=elsewhere)
    seen = json.loads(tenon("keys", "list", "-o", "json", "--api", served.url, key=elsewhere))["items"]
    assert {key["workspace"] for key in seen} == {"other"} and own


def test_a_key_ends_and_stays_ended(host):
    served = host(deployment("echo"))
    create(served, "--role", "admin")
    served.stop()
    key = tenon("keys", "create", "--role", "invoke", "--expires", "1s", "--data", str(served.data))
    served.start()

    def refused():
        answer = served.post("echo", data="a", headers=bearer(key))
        return answer.status_code == 401 and answer.text

    assert "ended at" in wait_for(refused, 10, "the key ends")


def test_a_key_is_exchanged_for_a_token(host):
    served = host(deployment("echo"))
    admin = create(served, "--role", "admin")
    (key,) = json.loads(tenon("keys", "list", "-o", "json", "--api", served.url, key=admin))["items"]
    url = served.url + "/v0/oauth/token"
    form = {"grant_type": "client_credentials"}
    body = {**form, "client_id": key["id"], "client_secret": admin}
    tokens = [
        requests.post(url, data=form, auth=(key["id"], admin), timeout=10),
        requests.post(url, data=body, timeout=10),
        requests.post(url, json=body, timeout=10),
    ]
    for answer in tokens:
        assert answer.status_code == 200, answer.text
        assert answer.json()["expires_in"] == 7200
        token = answer.json()["access_token"]
        assert served.post("echo", data="a", headers=bearer(token)).ok
    for wrong in ({**body, "client_secret": "x"}, form):
        assert requests.post(url, data=wrong, timeout=10).status_code == 401
    assert requests.post(url, data={"grant_type": "password"}, timeout=10).status_code == 400
    tenon("keys", "delete", key["id"], "--api", served.url, key=token)
    assert served.post("echo", data="a", headers=bearer(token)).status_code == 401


def test_the_owner_needs_no_key_at_the_control_socket(host, tmp_path):
    socket = tmp_path / "control.sock"
    served = host(deployment("echo"), host=f'controlListen = ["unix:{socket}"]')
    admin = tenon("keys", "create", "--role", "admin", "--api", f"unix:{socket}")
    assert served.post("echo", data="a").status_code == 401
    assert served.post("echo", data="a", headers=bearer(admin)).ok
    assert "admin" in tenon("keys", "list", "--api", f"unix:{socket}")
    assert requests.get(served.url + "/v0/models", headers=bearer(admin), timeout=10).status_code == 404


def test_a_restart_keeps_keys_through_a_kill(host):
    served = host(deployment("echo"))
    admin = create(served, "--role", "admin")
    served.stop(signal.SIGKILL)
    served.start()
    assert served.post("echo", data="a", headers=bearer(admin)).ok


def test_a_key_may_have_a_rate_of_its_own(host):
    served = host(deployment("echo"))
    admin = create(served, "--role", "admin")
    slow = create(served, "--role", "invoke", "--workspace", "default", "--rate", "3/s", key=admin)
    assert "3/s" in tenon("keys", "list", "--api", served.url, key=admin)
    assert "rate: expected" in tenon(
        "keys", "create", "--role", "invoke", "--rate", "fast", "--api", served.url, key=admin, good=False
    )
    codes = [served.post("echo", data="x", headers=bearer(slow)).status_code for _ in range(20)]
    assert codes[:3] == [200] * 3 and 429 in codes
    refused = next(
        answer
        for answer in (served.post("echo", data="x", headers=bearer(slow)) for _ in range(20))
        if answer.status_code == 429
    )
    assert refused.headers["retry-after"] == "1"
    assert all(served.post("echo", data="x", headers=bearer(admin)).ok for _ in range(20))


class TlsHost(Host):
    """The certificate is its own issuer's, for the address only."""

    def ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the host ended at once:\n{self.log_path.read_text()}")
        try:
            with warnings.catch_warnings(action="ignore"):  # whom to trust is tested below
                url = f"https://127.0.0.1:{self.port}/readyz"
                return requests.get(url, verify=False, timeout=2).ok
        except requests.ConnectionError:
            return False


def test_the_command_line_trusts_whom_it_is_told_to(tmp_path):
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=test"
    subprocess.run(
        ["openssl", *words.split(), "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
        check=True,
        capture_output=True,
    )
    tls = f'[host.tls]\ncertificate = "{cert}"\nkey = "{key}"\n'
    served = TlsHost(tmp_path, deployment("echo"), grants=tls)
    try:
        at = ("--api", f"https://127.0.0.1:{served.port}")
        assert "its certificate is not trusted: " in tenon("get", "models", *at, good=False)
        assert "echo" in tenon("get", "models", *at, "--ca-file", cert)
        assert "echo" in tenon("get", "models", *at, "--insecure")
        assert tenon("run", "echo", "-d", "hi", *at, "--ca-file", cert) == "hi"
        assert "no certificates" in tenon("get", "models", *at, "--ca-file", key, good=False)
        other = ("--api", f"https://localhost:{served.port}", "--ca-file", cert)
        assert "its certificate is not trusted" in tenon("get", "models", *other, good=False)
        watching = subprocess.Popen(
            [TENON, "get", "models", "--watch", *at],
            env={**os.environ, "TENON_CA_FILE": str(cert)},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert "WORKSPACE" in watching.stdout.readline()
        assert "DEPLOYED" in watching.stdout.readline()
        tenon("deactivate", "echo", "--force", *at, "--insecure")
        assert any("DEACTIVAT" in line for line in watching.stdout)
        watching.kill()
        watching.wait()
    finally:
        served.stop()
