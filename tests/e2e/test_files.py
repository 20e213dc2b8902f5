"""A host that follows its files: [host] watch."""

import os

import requests
from conftest import deployment, wait_for


def names(host):
    items = requests.get(f"{host.url}/v0/models").json()["items"]
    return sorted(item["metadata"]["name"] for item in items)


def model(host, name):
    return requests.get(f"{host.url}/v0/models/{name}").json()


def test_a_host_follows_its_folder(host, tmp_path):
    """As a cluster mounts configuration: links into a folder that one rename replaces."""
    mount = tmp_path / "mount"
    mount.mkdir()

    def switch(version, files):
        (mount / version).mkdir()
        for name, text in files.items():
            (mount / version / name).write_text(text)
        os.symlink(version, mount / "..data_tmp")
        os.rename(mount / "..data_tmp", mount / "..data")

    switch("..v1", {"a.toml": deployment("one")})
    os.symlink("..data/a.toml", mount / "a.toml")
    host = host("", host=f'manifests = ["{mount}"]\nwatch = true')
    assert names(host) == ["one"]
    assert host.post("one", data="x").status_code == 200

    switch("..v2", {"a.toml": deployment("one") + deployment("two")})
    wait_for(lambda: names(host) == ["one", "two"], 30, "the second model")
    assert host.post("two", data="x").status_code == 200

    switch("..v3", {"a.toml": "[[deployment]]\nmodle = 'x'\n"})
    wait_for(lambda: "fileProblem" in model(host, "one")["metadata"], 30, "the mistake is told")
    assert names(host) == ["one", "two"]
    assert "tenon_manifest_problems 1" in host.metrics()
    assert "unknown key 'modle'" in host.log_path.read_text()

    switch("..v4", {"a.toml": deployment("two")})
    wait_for(lambda: names(host) == ["two"], 30, "what left the file goes")
    assert "fileProblem" not in model(host, "two")["metadata"]
    assert "tenon_manifest_problems 0" in host.metrics()

    # The file of the host itself likewise; and a signal still reads all.
    host.write(deployment("three"))
    wait_for(lambda: names(host) == ["three", "two"], 30, "the host's own file")
    os.unlink(mount / "a.toml")
    wait_for(lambda: names(host) == ["three"], 30, "the link is gone")
