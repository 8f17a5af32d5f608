"""What W&B's Python client does with a manifest, timed: JSON in memory. Prints seconds, as JSON.

Arguments: a manifest, another to compare it with, a path to look up, a file to write.
"""

import hashlib
import json
import sys
import time


def timed(work):
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def logical_digest(manifest):
    digest = hashlib.md5()
    digest.update(b"wandb-artifact-manifest-v1\n")
    for path, entry in sorted(manifest["contents"].items()):
        digest.update(f"{path}:{entry['digest']}\n".encode())
    return digest.hexdigest()


def write(manifest, path):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(manifest, file, indent=4)


def difference(before, after):
    old, new = before["contents"], after["contents"]
    added = [path for path in new if path not in old]
    removed = [path for path in old if path not in new]
    changed = [path for path in new if path in old and new[path]["digest"] != old[path]["digest"]]
    return len(added) + len(removed) + len(changed)


before_path, after_path, wanted, target = sys.argv[1:]
lookup_seconds, _ = timed(lambda: load(before_path)["contents"].get(wanted))
load_seconds, manifest = timed(lambda: load(before_path))
digest_seconds, digest = timed(lambda: logical_digest(manifest))
write_seconds, _ = timed(lambda: write(manifest, target))
diff_seconds, differences = timed(lambda: difference(load(before_path), load(after_path)))
print(
    json.dumps(
        {
            "lookup": lookup_seconds,
            "digest": digest_seconds,
            "write": write_seconds,
            "diff": diff_seconds,
            "digestHex": digest,
            "differences": differences,
        }
    )
)
