"""The API keeps to its own description: requests made from /v0/openapi.json, good and bad."""

import pathlib
import subprocess
import sys

from conftest import BUILD, deployment


def test_schemathesis_finds_nothing(host, tmp_path):
    served = host(deployment("echo"))
    made = subprocess.run(
        [BUILD / "bin/tenon", "keys", "create", "--role", "admin", "--api", served.url],
        check=True,
        capture_output=True,
        text=True,
    )
    here = pathlib.Path(__file__).parent
    run = subprocess.run(
        [
            pathlib.Path(sys.executable).parent / "st",
            f"--config-file={here / 'schemathesis.toml'}",
            "run",
            f"{served.url}/v0/openapi.json",
            f"--header=Authorization: Bearer {made.stdout.strip()}",
            "--phases=examples,coverage,fuzzing,stateful",
            "--max-examples=10",
            "--request-timeout=1",
            "--seed=1",
            "--generation-database=none",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert run.returncode == 0, run.stdout[-20_000:] + run.stderr
    assert served.ready()
