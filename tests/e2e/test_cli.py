"""The verbs of `tenon` against a live host."""

import json
import subprocess

import pytest
import requests

from conftest import BUILD, SOURCE, deployment, wait_for

FLEET = f"""
[[policy]]
name = "cpu-only"
type = "flavor"
flavors = ["cpu/x86"]

[[environment]]
name = "staging"
policies = ["cpu-only"]

[[deployment]]
model = "hello"
environment = "staging"
runtime = "echo"
origin = "file:{SOURCE}/samples/echo"
labels = {{ team = "${{TEAM}}" }}
"""


@pytest.fixture
def tenon(host):
    live = host(deployment("filed"), grants='[[plugin]]\nname = "echo"\nhostIsolation = true')

    def run(*words, status=0, **more):
        done = subprocess.run(
            [BUILD / "bin/tenon", *words],
            env={"TENON_API": live.url, "TEAM": "blue"},
            capture_output=True,
            text=True,
            timeout=60,
            **more,
        )
        assert done.returncode == status, done
        return done.stdout if status == 0 else done.stderr

    run.host = live
    return run


def test_apply_is_idempotent_and_shows_what_it_would_do(tenon, tmp_path):
    file = tmp_path / "fleet.toml"
    file.write_text(FLEET)
    assert "+ model = \"hello\"" in tenon("apply", "-f", file, "--dry-run")
    assert "hello" not in tenon("get", "models")
    assert tenon("apply", "-f", file) == (
        "policy default/cpu-only created\nenvironment default/staging created\n"
        "deployment default/hello@staging created\n"
    )
    assert tenon("apply", "-f", file).count(" unchanged\n") == 3
    file.write_text(FLEET + "scale = { maxReplicas = 3 }\n")
    assert tenon("apply", "-f", file, "--dry-run").endswith(
        "deployment default/hello@staging configured (dry run)\n  + scale.maxReplicas = 3\n"
    )
    assert " configured\n" in tenon("apply", "-f", "-", input=file.read_text())


def test_a_file_is_applied_as_a_whole_or_not_at_all(tenon, tmp_path):
    file = tmp_path / "fleet.toml"
    file.write_text(FLEET + '[[environment]]\nname = "other"\npolicies = ["nowhere"]\n')
    assert "there is no policy 'nowhere'" in tenon("apply", "-f", file, status=4)
    assert "cpu-only" not in tenon("get", "policies")
    file.write_text(FLEET.replace('"echo"', '"ecco"'))
    assert f"{file}:14:11: runtime: there is no runtime 'ecco'; did you mean 'echo'?" in tenon(
        "apply", "-f", file, status=4
    )
    file.write_text(FLEET.replace("origin", "orogin"))
    assert f"{file}:15:1: unknown key 'orogin'" in tenon("apply", "-f", file, status=2)


def test_what_get_prints_can_be_applied_again(tenon, tmp_path):
    file = tmp_path / "fleet.toml"
    file.write_text(FLEET)
    tenon("apply", "-f", file)
    for kind in ("models", "policies", "environments", "locations", "workspaces"):
        manifest = tenon("get", kind, "-o", "toml")
        if manifest:
            applied = tenon("apply", "-f", "-", input=manifest)
            assert set(line.split()[-1] for line in applied.splitlines()) == {"unchanged"}
    for kind in ("models", "policies", "environments", "workspaces", "plugins", "audit"):
        assert json.loads(tenon("get", kind, "-o", "json"))["items"]
        assert tenon("get", kind).count("\n") > 1
    assert "staging" in tenon("get", "models", "-e", "staging")
    assert "filed" not in tenon("get", "models", "-e", "staging")
    assert json.loads(tenon("get", "model", "filed", "-o", "json"))["kind"] == "deployment"
    assert "100 %" in tenon("get", "revisions", "filed")
    assert "[spec.labels]" in tenon("describe", "model", "hello", "-e", "staging")


def test_delete(tenon, tmp_path):
    file = tmp_path / "fleet.toml"
    file.write_text(FLEET)
    tenon("apply", "-f", file)
    assert "still used by" in tenon("delete", "policy", "cpu-only", status=4)
    assert "is managed by file:" in tenon("delete", "model", "filed", status=4)
    assert "(dry run)" in tenon("delete", "-f", file, "--dry-run")
    assert sorted(tenon("delete", "-f", file).splitlines()) == [
        "deployment default/hello@staging deleted",
        "environment default/staging deleted",
        "policy default/cpu-only deleted",
    ]
    assert tenon("delete", "-f", file).count(" absent\n") == 3
    assert "there is no deployment" in tenon("delete", "model", "hello", status=4)


def test_a_file_is_deleted_as_a_whole_or_not_at_all(tenon, tmp_path):
    file = tmp_path / "fleet.toml"
    file.write_text(FLEET)
    tenon("apply", "-f", file)
    file.write_text(FLEET.split("[[deployment]]")[0])
    assert "environment default/staging still holds" in tenon("delete", "-f", file, status=4)
    assert "cpu-only" in tenon("get", "policies")
    assert "hello" in tenon("get", "models")


def test_yaml_is_read_as_it_is_printed(tenon, tmp_path):
    file = tmp_path / "fleet.toml"
    file.write_text(FLEET)
    tenon("apply", "-f", file)
    for kind in ("models", "policies", "environments"):
        printed = tenon("get", kind, "-o", "yaml")
        lines = tenon("apply", "-f", "-", input=printed).splitlines()
        assert lines and all(line.endswith(" unchanged") for line in lines), lines
    published = tmp_path / "published.yaml"
    published.write_text(
        "apiVersion: beamlit.com/v1alpha1\nkind: Model\nmetadata: {name: old}\n"
        "spec:\n  runtime: {type: huggingface, model: org/echo}\n"
        "  serverlessConfig: {maxNumReplicas: 3}\n"
    )
    how = ("--runtime", "echo", "--models", SOURCE / "samples")
    assert "deployment default/old@production created" in tenon("apply", "-f", published, *how)
    assert tenon("run", "old", "-d", "hi") == "hi"
    converted = tenon("convert", published, *how)
    assert "unchanged" in tenon("apply", "-f", "-", input=converted)
    assert "published.yaml:5:12: no runtime.image says" in tenon("convert", published, status=2)


def test_a_deployment_lives_by_its_verbs(tenon):
    echo = ("--origin", SOURCE / "samples/echo", "--runtime", "echo")
    assert " created" in tenon("deploy", "hello", *echo)
    assert " unchanged" in tenon("deploy", "hello", *echo)
    assert tenon("run", "hello", "-d", '{"a": 1}') == '{"a": 1}'
    assert tenon("run", "hello", "/?stream=2&sse=1", "-d", "12").count("data: ") == 3
    assert "no deployment in environment" in tenon("run", "hello", "-e", "staging", status=4)
    assert "the model answered 500" in tenon("run", "hello", "/?status=500", "-d", "x", status=5)
    assert tenon("deactivate", "hello").endswith("hello@production deactivated\n")
    assert "is deactivated" in tenon("run", "hello", status=4)
    tenon("activate", "hello")
    assert " configured" in tenon("deploy", "hello", *echo, "--option", "delayMs=1")
    assert "- options.delayMs = 1" in tenon("rollback", "hello", "--dry-run")
    assert "revision 1 again" in tenon("rollback", "hello")
    assert tenon("get", "revisions", "hello").count("\n") == 4
    tenon("deploy", "hello", *echo, "-e", "development", "--max", "2")
    assert "+ scale.maxReplicas = 2" in tenon("release", "hello", "--from", "development", "--dry-run")
    tenon("release", "hello", "--from", "development")
    assert "maxReplicas = 2" in tenon("describe", "model", "hello")
    assert "did you mean 'echo'?" in tenon(
        "deploy", "hello", "--origin", "x", "--runtime", "ecco", status=4
    )


def test_logs_and_metrics_of_a_deployment(tenon):
    """Also from a plugin inside the host; a secret that one logs is not told."""
    spec = {"runtime": "echo", "origin": f"file:{SOURCE}/samples/echo"}
    spec["env"] = {"TOKEN": {"value": "hunter2", "secret": True}}
    for model, isolation in (("out", "worker"), ("in", "host")):
        path = f"{tenon.host.url}/v0/models/{model}"
        assert requests.put(path, json={**spec, "isolation": isolation}, timeout=10).status_code == 201
        assert tenon("logs", model) == ""
        assert tenon("run", model, "/?log=1", "-d", "the token is hunter2") == "the token is hunter2"
        wait_for(lambda: "the token is ***" in tenon("logs", model), 10, "the plugin's line")
        assert "replica ready" in tenon("logs", f"{model}@production", "--tail", "10")
    assert "hunter2" not in tenon.host.log_path.read_text()

    following = subprocess.Popen(
        [BUILD / "bin/tenon", "logs", "-f", "out", "--api", tenon.host.url],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert any("the token is ***" in line for line in following.stdout)
    tenon("run", "out", "/?log=1", "-d", "second")
    assert any("second" in line for line in following.stdout)
    following.kill()
    following.wait()
    assert "there is no deployment" in tenon("logs", "nowhere", status=4)

    told = json.loads(tenon("metrics", "out", "-o", "json"))["items"]
    assert [(one["model"], one["requests"], one["coldStarts"]) for one in told] == [("out", 2, 1)]
    assert "REPLICAS" in tenon("metrics")
    assert "tenon_requests_total{" in tenon("metrics", "in", "-o", "prometheus")


def test_completion_knows_verbs_kinds_and_options(tenon):
    script = tenon("completion", "bash")
    assert tenon("completion", "zsh").endswith(script)

    def completed(*words):
        line = " ".join(f"'{word}'" for word in words)
        asked = f"COMP_WORDS=(tenon {line}); COMP_CWORD={len(words)}; _tenon; echo ${{COMPREPLY[@]}}"
        done = subprocess.run(["bash", "-c", script + asked], capture_output=True, text=True)
        assert done.stderr == "", done
        return sorted(done.stdout.split())

    assert completed("de") == ["deactivate", "delete", "deploy", "describe"]
    assert completed("get", "p") == ["plugins", "policies"]
    assert completed("keys", "") == ["create", "delete", "list"]
    assert completed("apply", "--d") == ["--dry-run"]
    assert completed("keys", "create", "--ro") == ["--role"]


def test_doctor_says_that_this_host_can_serve(tenon):
    found = tenon("doctor", "--config", tenon.host.config)
    assert "WRONG" not in found
    assert "Address already in use" in found


def test_mistakes_are_told_before_anything_is_asked(tenon):
    assert "did you mean 'policies'?" in tenon("get", "polices", status=2)
    assert "which file?" in tenon("apply", status=2)
    assert "http://127.0.0.1:1" in tenon("get", "models", "--api", "http://127.0.0.1:1", status=1)
