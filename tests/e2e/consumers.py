"""Finds the restored model as Python's huggingface_hub does, and compares it with the lock file.

Usage: HF_HUB_OFFLINE=1 HF_HOME=... consumers.py LOCK_FILE
"""

import hashlib
import sys
import tomllib
from pathlib import Path

from huggingface_hub import hf_hub_download, scan_cache_dir, snapshot_download, try_to_load_from_cache

REPOSITORY = "sentence-transformers/all-MiniLM-L6-v2"


def check(holds, what):
    if not holds:
        sys.exit(f"does not hold: {what}")


def git_blob_id(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def check_file(found, pin):
    """`found` has the pinned bytes, in a blob of the name that the Hub would give them."""
    data = Path(found).read_bytes()
    sha256 = hashlib.sha256(data).hexdigest()
    check(len(data) == pin["size"] and sha256 == pin["sha256"], f"{found} has the pinned bytes")
    blob = Path(found).resolve()
    check(blob.parent.name == "blobs" and blob.name == pin["etag"], f"{blob} is named by its etag")
    check(pin["etag"] in (sha256, git_blob_id(data)), f"{pin['etag']} is an etag of {found}")
    check(not Path(found).readlink().is_absolute(), f"{found} is a relative pointer")


def check_lookups(pins, revision):
    snapshot = snapshot_download(REPOSITORY, revision=revision)
    check(Path(snapshot).name == pins["commit"], f"the snapshot of {revision} is {pins['commit']}")
    for pin in pins["files"]:
        found = hf_hub_download(REPOSITORY, pin["path"], revision=revision)
        check(found == str(Path(snapshot, pin["path"])), f"{pin['path']} is part of the snapshot of {revision}")
        loaded = try_to_load_from_cache(REPOSITORY, pin["path"], revision=revision)
        check(loaded == found, f"try_to_load_from_cache finds {pin['path']} at {revision}")
        check_file(found, pin)


def check_scan(pins):
    scan = scan_cache_dir()
    sizes = {pin["path"]: pin["size"] for pin in pins["files"]}
    check(scan.warnings == [], f"no warnings: {scan.warnings}")
    check([repository.repo_id for repository in scan.repos] == [REPOSITORY], "one repository is there")
    (repository,) = scan.repos
    check([revision.commit_hash for revision in repository.revisions] == [pins["commit"]], "one revision is there")
    (revision,) = repository.revisions
    check(revision.refs == {"main"}, f"`main` leads to it: {revision.refs}")
    folder = revision.snapshot_path
    found = {str(file.file_path.relative_to(folder)): file.size_on_disk for file in revision.files}
    check(found == sizes, f"every size is right: {found}")
    check(scan.size_on_disk == sum(sizes.values()), f"and so is the sum: {scan.size_on_disk}")
    print(f"huggingface_hub: {len(found)} files, {scan.size_on_disk} bytes, {len(scan.warnings)} warnings")


def main():
    lock = tomllib.loads(Path(sys.argv[1]).read_text())
    pins = lock["models"]["minilm"]
    check_lookups(pins, "main")
    check_lookups(pins, pins["commit"])
    check_scan(pins)


main()
