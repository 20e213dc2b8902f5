"""`tenon plugin validate`: the plugins of the tree, with what they serve."""

import subprocess

from conftest import BUILD, MODELS


def test_tei_keeps_the_rules_with_a_real_model():
    done = subprocess.run(
        [
            BUILD / "bin/tenon", "plugin", "validate", BUILD / "plugins/tei/tenon_tei.so",
            "--model", MODELS / "all-MiniLM-L6-v2",
            "--request", 'POST /embed {"inputs": "What is deep learning?"}',
            "--request", 'POST /embed {"inputs": ["a", "b", "c"]}',
            "--request", "GET /info",
        ],
        capture_output=True, text=True, timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 failed, 0 skipped" in done.stdout
