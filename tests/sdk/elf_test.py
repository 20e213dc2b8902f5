"""The rules for a plugin's library that can be seen without opening it."""

import pathlib
import re
import subprocess
import sys

# What a plugin may need of the system; everything else it brings or does without.
SYSTEM = re.compile(r"^(libc|libm|libstdc\+\+|libgcc_s|libpthread|libdl|librt|ld-linux.*)\.so")


def readelf(option, library):
    return subprocess.run(
        ["readelf", "--wide", option, library], check=True, capture_output=True, text=True
    ).stdout


def faults(library):
    # "<OS specific>: 10" is one word: an indirect function.
    rows = re.sub(r"<[^>]*>: ", "", readelf("--dyn-syms", library)).splitlines()
    symbols = [row.split() for row in rows]
    symbols = [s for s in symbols if len(s) >= 8 and s[0].rstrip(":").isdigit()]
    exported = [s[7].split("@")[0] for s in symbols if s[6] != "UND" and s[4] != "LOCAL"]
    exported = [name for name in exported if name != ""]
    if exported != ["tenon_plugin_v1"]:
        yield f"exports {exported}, expected tenon_plugin_v1 alone"
    if unique := [s[7] for s in symbols if s[4] == "UNIQUE"]:
        yield f"has GNU_UNIQUE symbols: {unique[:3]}"
    dynamic = readelf("--dynamic", library)
    for needed in re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic):
        if not SYSTEM.match(needed):
            yield f"needs {needed}"
    for path in re.findall(r"\((?:RUNPATH|RPATH)\).*\[(.*)\]", dynamic):
        if path != "$ORIGIN":
            yield f"has the run path {path}, expected $ORIGIN"
    if "STATIC_TLS" in dynamic:
        yield "uses static TLS"
    if "BIND_NOW" not in dynamic and "NOW" not in dynamic:
        yield "is bound lazily"
    stack = re.search(r"GNU_STACK.*", readelf("--program-headers", library))
    if stack is None or re.search(r"\bRWE\b", stack[0]):
        yield "has an executable stack"


libraries = [str(p) for folder in sys.argv[1:] for p in pathlib.Path(folder).glob("*/*.so")]
assert libraries, f"no plugins below {sys.argv[1:]}"
found = [f"{library}: {fault}" for library in libraries for fault in faults(library)]
print("\n".join(found) or f"{len(libraries)} plugins keep the rules")
sys.exit(bool(found))
