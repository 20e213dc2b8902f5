"""Runs the commands of sdk/README.md, as they stand there."""

import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile

source, build = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
blocks = re.findall(r"^```sh\n(.*?)^```$", (source / "sdk/README.md").read_text(), re.M | re.S)
assert len(blocks) == 3, f"{len(blocks)} blocks of commands, expected the tour's two and the check"

with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
script = "set -em\n" + "\n".join(blocks).replace("8080", str(port)) + "\nwait\n"

with tempfile.TemporaryDirectory() as folder:
    root = pathlib.Path(folder)
    for name in ("sdk", "samples"):
        (root / name).symlink_to(source / name)
    (root / "build").mkdir()
    (root / "build/release").symlink_to(build)
    ran = subprocess.run(
        ["bash", "-c", script], cwd=root, capture_output=True, text=True, timeout=110,
        env={**os.environ, "CCACHE_DISABLE": "1"},
    )
print(ran.stdout, ran.stderr)
assert "you said: good morning" in ran.stdout
assert re.search(r"^echo +0\.1\.0", ran.stdout, re.M), "plugin list shows the plugin"
assert " 0 failed" in ran.stdout, "the tour's plugin keeps the rules"
