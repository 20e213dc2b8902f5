"""Holds the includes of the tree against the table in docs/architecture.md."""

import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
row = re.compile(r"^\| `([^`]+)` \|[^|]*\|([^|]*)\|$")
include = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)

allowed = {}
for line in (root / "docs/architecture.md").read_text().splitlines():
    if match := row.match(line):
        allowed[match[1]] = set(re.findall(r"`([^`]+)`", match[2])) | {match[1]}


def folder_of(path):
    """The longest folder of the table that holds this path, or None."""
    inside = [f for f in allowed if path == f or path.startswith(f + "/")]
    return max(inside, key=len, default=None)


errors = []
seen = set()
for source in sorted(root.glob("*/**/*")):
    path = source.relative_to(root).as_posix()
    if source.suffix not in {".h", ".hpp", ".cc", ".c"} or path.startswith("build/"):
        continue
    if path.split("/")[0] in {"tests", "samples"} or path.startswith(("sdk/template", "models")):
        continue
    folder = folder_of(path)
    if folder is None:
        errors.append(f"{path}: its folder has no row in docs/architecture.md")
        continue
    seen.add(folder)
    for name in include.findall(source.read_text(errors="replace")):
        target = f"sdk/include/{name}" if name.startswith("tenon/") else name
        wanted = folder_of(target)
        if wanted is None:
            if not (source.parent / name).exists():
                errors.append(f'{path}: "{name}" lies in no folder of the table')
        elif wanted not in allowed[folder]:
            errors.append(f"{path} includes {name}: {folder} may not include {wanted}")

errors += [f"{f}: in the table, but without sources" for f in sorted(set(allowed) - seen)]
print("\n".join(errors) or f"{len(seen)} folders keep to their rows")
sys.exit(bool(errors))
