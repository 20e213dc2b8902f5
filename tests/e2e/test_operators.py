"""docs/operators.md: its commands work in their order, and print what the page shows."""

import os
import re
import subprocess

from conftest import BUILD, SOURCE, free_port

PAGE = (SOURCE / "docs/operators.md").read_text()


def blocks():
    """[commands, lines that they print] in the order of the page."""
    found = []
    for language, text in re.findall(r"```(\w+)\n(.*?)```", PAGE, re.S):
        if language == "sh":
            found.append([text, []])
        elif language == "text":
            found[-1][1] += text.splitlines()
    return found


def test_every_command_of_the_page(tmp_path):
    port = str(free_port())
    (tmp_path / "build").mkdir()
    (tmp_path / "build/release").symlink_to(BUILD)
    for folder in ("samples", "configs"):
        (tmp_path / folder).symlink_to(SOURCE / folder)
    script = "set -eu\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n"
    for number, (commands, _) in enumerate(blocks()):
        script += f"echo '@@block {number}'\n{commands}"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TENON_")}
    done = subprocess.run(
        ["bash", "-c", script.replace("8080", port)],
        cwd=tmp_path,
        env={**environment, "TENON_API": f"http://127.0.0.1:{port}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    log = tmp_path / "var/host.log"
    assert done.returncode == 0, done.stdout + (log.read_text() if log.exists() else "")
    printed = re.split(r"^@@block \d+\n", done.stdout, flags=re.M)[1:]
    for (commands, expected), output in zip(blocks(), printed, strict=True):
        for line in expected:
            assert line in output, f"{commands}\nprinted\n{output}\nnot: {line}"
