"""Good plugins pass the validator; each of its checks finds the plugin that breaks its rule."""

import json
import pathlib
import subprocess
import sys
import tempfile

build = pathlib.Path(sys.argv[1])
validate = build / "bin/tenon-validate"
careless = build / "careless-plugin/tenon_careless.so"

# A variant of the faulty plugin, its sin, and the check that finds it.
SINS = [
    ("impure", "", "descriptor"),
    ("wrong-magic", "", "descriptor"),
    ("future-major", "", "descriptor"),
    ("missing-entry", "", "create"),
    ("fail-create", "", "create"),
    ("abort-in-create", "", "create"),
    ("picky", "", "newer-host"),
    ("faulty", "lie_in_probe", "probe"),
    ("faulty", "fail_probe", "probe"),
    ("faulty", "abort_in_probe", "probe"),
    ("faulty", "thread_in_prepare", "fork-safe"),
    ("faulty", "fail_load", "fork-safe"),
    ("faulty", "throw_in_load", "load-cancel"),
    ("faulty", "exit_in_load", "load-cancel"),
    ("faulty", "setenv_in_load", "life"),
    ("faulty", "chdir_in_load", "life"),
    ("faulty", "signal_in_load", "life"),
    ("faulty", "print_in_load", "life"),
    ("faulty", "leak", "lives"),
    ("faulty", "leak_file", "lives"),
    ("faulty", "call_after_destroy", "silence"),
    ("brittle", "", "health"),
    ("faulty", "two_finals", "answers"),
    ("faulty", "answer_before", "answers"),
    ("faulty", "bad_status", "answers"),
    ("faulty", "bad_header", "answers"),
    ("faulty", "body_without_head", "answers"),
    ("faulty", "metric_in_submit", "answers"),
    ("faulty", "keep_path", "answers"),
    ("faulty", "exit_in_submit", "answers"),
    ("faulty", "accept_too_many", "batch"),
    ("faulty", "no_final_when_cancelled", "cancel"),
    ("faulty", "no_final_when_late", "deadline"),
    ("faulty", "credit_overrun", "credit"),
    ("hoarder", "", "upload"),
    ("brittle", "", "stale-ids"),
    ("faulty", "abort_when_refused", "refused-answers"),
    ("faulty", "no_final", "unload-busy"),
    ("brittle", "", "trim"),
    ("faulty", "fear_of_brackets", "fuzz"),
]


def run(library, *words):
    done = subprocess.run(
        [validate, "--json", *words, library], capture_output=True, text=True, timeout=300
    )
    assert done.stdout, f"{library} {words}: {done.stderr}"
    return done.returncode, json.loads(done.stdout)


def failed(result):
    return {c["check"]: c["faults"] for c in result["checks"] if c["result"] == "FAIL"}


def faulty(variant):
    return build / f"test-plugins/{variant}/tenon_{variant}.so"


faults = []
checks = None
for library in sorted((build / "plugins").glob("*/*.so")):
    status, result = run(library)
    checks = {c["check"] for c in result["checks"]}
    if status != 0:
        faults.append(f"{library.name} must pass: {failed(result)}")
assert checks, f"no plugins below {build}/plugins"

found = set()
folder = tempfile.TemporaryDirectory()
for variant, sin, check in SINS:
    words = ["--only", check, "--request", "POST /", "--patience", "1", "--model", folder.name, *(["--option", f"sin={sin}"] if sin else [])]
    status, result = run(faulty(variant), *words)
    found |= set(failed(result))
    if status != 1 or check not in failed(result):
        faults.append(f"{variant} {sin} must fail '{check}': {result['checks']}")

found |= set(failed(run(careless, "--patience", "1")[1]))
found |= set(failed(run(faulty("faulty"), "--id", "other", "--only", "manifest")[1]))
if missed := checks - found:
    faults.append(f"checks that no plugin failed: {sorted(missed)}")

print("\n".join(faults) or f"{len(checks)} checks find {len(SINS)} sins")
sys.exit(bool(faults))
