"""A value marked secret is given to its worker, and told to nobody else: not in answers, not in
errors, not in the log, not on a command line."""

import os
import pathlib
import subprocess

import pytest
import requests
from conftest import BUILD, SOURCE, deployment, wait_for

SECRET, OTHER = "hush-4711-of-the-file", "hush-0815-of-the-api"
ECHO = f"file:{SOURCE / 'samples/echo'}"


def filed(value=SECRET):
    return f'{deployment("filed")}[deployment.env]\nTOKEN = {{value = "{value}", secret = true}}\n'


def spec(value=OTHER, **more):
    env = {"TOKEN": {"value": value, "secret": True}, "PLAIN": "seen"}
    return {"runtime": "echo", "origin": ECHO, "env": env} | more


@pytest.fixture
def said(tmp_path):
    """Collects what is said, and at the end looks for what must not be in it."""
    heard = []
    yield heard
    everything = "\n".join(heard)
    for secret in (SECRET, OTHER):
        assert secret not in everything, everything[max(0, everything.index(secret) - 300) :][:600]


def tenon(said, served, *words):
    done = subprocess.run(
        [BUILD / "bin/tenon", *map(str, words)],
        env={**os.environ, "TENON_API": served.url},
        capture_output=True,
        text=True,
        timeout=30,
    )
    said.append(done.stdout + done.stderr)
    return done


def ask(said, served, method, path, **options):
    answer = requests.request(method, served.url + path, timeout=30, **options)
    said.append(answer.text + str(answer.headers))
    return answer


def test_nothing_tells_a_secret(host, tmp_path, said):
    served = host(filed(), plugins=[BUILD / "test-plugins"], host='[host.logs]\nlevel = "debug"')
    put = lambda body, **query: ask(said, served, "PUT", "/v0/models/m", json=body, params=query)
    assert put(spec()).status_code == 201
    served.post("m", data="x").raise_for_status()
    served.post("filed", data="x").raise_for_status()

    # All kinds of changes, and what is wrong with some.
    wrong = [
        spec(env={"TOKEN": {"value": OTHER, "secret": "yes"}}),
        spec(env={"TOKEN": {"value": [OTHER], "secret": True}}),
        spec(env={"TOKEN": {"value": OTHER, "secret": True, "extra": 1}}),
        spec(value=OTHER + "\0"),
        spec(policies=["nowhere"]),
        {**spec(), "metadata": {"version": 1}},
    ]
    for body in wrong:
        assert 400 <= put(body).status_code < 500, body
    put(spec(value=OTHER + "-changed"), dryRun="true")
    put(spec(value=OTHER + "-changed"))
    put(spec(runtime="faulty", options={"sin": "fail_load"}))
    wait_for(lambda: served.status("m").get("failedRevision"), 20, "a revision fails")
    put(spec(options={"prefix": "2"}, canary={"weight": 50}))
    for path, body in (
        ("canary", {"weight": 0}),
        ("rollback", {"revision": 1}),
        ("release", {"from": "production", "to": "development"}),
        ("deactivate", None),
        ("activate", None),
    ):
        done = ask(said, served, "POST", f"/v0/models/m/{path}", json=body)
        assert done.ok, done.text

    # Whatever can be read.
    document = ask(said, served, "GET", "/v0/openapi.json").json()
    names = {"model": "m", "environment": "production", "workspace": "default"}
    for path, operations in document["paths"].items():
        if "get" in operations:
            ask(said, served, "GET", path.format_map(names | dict.fromkeys(("policy", "location", "key"), "x")))
    shown = ask(said, served, "GET", "/v0/models/m").json()
    assert shown["spec"]["env"] == {"TOKEN": {"secret": True}, "PLAIN": "seen"}
    with requests.get(served.url + "/v0/models?watch=true", stream=True, timeout=30) as stream:
        for line in stream.iter_lines():
            said.append(line.decode())
            if line == b"event: synced":
                break
    ask(said, served, "GET", "/metrics")
    for form in ("table", "json", "toml", "yaml"):
        for kind in ("models", "revisions", "audit"):
            tenon(said, served, "get", kind, *(["m"] if kind == "revisions" else []), "-o", form)
    tenon(said, served, "describe", "model", "filed")

    # Files: with another secret, and with mistakes beside it.
    manifest = tmp_path / "m.toml"
    manifest.write_text(filed(SECRET + "-changed").replace('"filed"', '"applied"'))
    assert tenon(said, served, "apply", "-f", manifest).returncode == 0
    manifest.write_text(filed(SECRET + "-again").replace('"filed"', '"applied"'))
    assert "configured" in tenon(said, served, "apply", "-f", manifest, "--dry-run").stdout
    for right, mistake in ((", secret", " secret"), ('", s', ", s"), ("secret = true", "secret = 1")):
        manifest.write_text(filed().replace(right, mistake))
        assert tenon(said, served, "apply", "-f", manifest).returncode == 2
        assert tenon(said, served, "serve", "--check", manifest).returncode == 2

    served.post("applied", data="x").raise_for_status()
    for pid in [served.process.pid, *served.workers()]:
        said.append(pathlib.Path(f"/proc/{pid}/cmdline").read_text())
    served.stop()
    said.append(served.log_path.read_text())
    for file in served.data.iterdir():
        if file.name.startswith("tenon.db"):
            assert file.stat().st_mode & 0o077 == 0, file
