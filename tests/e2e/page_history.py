"""Writes the logs of thirty runs beside the one that is there: `page_history.py RUNS_FOLDER`."""

import json
import os
import pathlib
import sys

runs = pathlib.Path(sys.argv[1])
first = next((runs / "first").glob("*.jsonl"))
project = json.loads(first.read_text().splitlines()[0])["project"]
DAY = 86_400
BEGIN = 1_762_000_000
MODELS = {
    "whisper-tiny": 151_061_672,
    "sentence-transformers/all-MiniLM-L6-v2": 90_868_376,
    "silero-vad": 2_327_524,
    'odd "name" <script>alert(1)</script> & 🦀 ' + "long" * 20: 1_000_000,
}


def events(number, at):
    """Every seventh run is cold, the fifth before the last is half so; the last has one of each kind of trouble."""
    for index, (model, size) in enumerate(MODELS.items()):
        for test in range(6 - index):
            cold = test == 0 and (number % 7 == 0 or (number == 25 and index < 2))
            event = {"event": "request", "at": at + test, "model": model, "provider": "huggingface", "bytes": size}
            event |= {"test": f"integration::{model.split('/')[-1][:12].strip()}::understands_case_{test}"}
            event |= {"file": f"tests/model_{index}.rs", "line": 10 + 7 * test}
            if cold:
                seconds = size / 12e6
                event |= {"outcome": "miss", "seconds": seconds, "fetch_seconds": seconds * 0.98, "fetched_bytes": size}
                event |= {"miss_reason": ["never_seen", "evicted", "expired"][number % 3]}
            else:
                event |= {"outcome": "hit", "seconds": 0.0004 * (1 + index + test), "saved_seconds": size / 12e6}
                event |= {"placement": "linked"} if test == 1 else {}
            yield event
    if number == 29:
        trouble = {"event": "request", "at": at + 50, "test": "integration::llama::talks", "model": "llama"}
        yield trouble | {"outcome": "skip", "reason": "no HF_TOKEN, and the model is gated", "file": "tests/l.rs", "line": 3}
        yield trouble | {"model": "yolo", "outcome": "failed", "test": "integration::yolo::sees", "reason": "every source failed"}
        repaired = {"outcome": "repaired", "repairs": ["config.json"], "fetched_bytes": 3_000, "miss_reason": "corrupt"}
        yield trouble | repaired | {"model": "silero-vad", "bytes": 2_327_524, "seconds": 0.31, "fetch_seconds": 0.3}
        yield {"event": "evict", "at": at + 51, "model": "bert", "bytes": 440_000_000, "reason": "unused for longer than max_age"}


os.utime(runs / "first", (BEGIN - DAY, BEGIN - DAY))
for number in range(30):
    at = BEGIN + number * DAY
    folder = runs / f"run-{number:02}"
    folder.mkdir()
    started = {"started": f"2026-11-{1 + number:02}T06:00:00Z", "version": 1, "run": folder.name, "project": project, "pid": 7}
    lines = [json.dumps(line) for line in [started, *events(number, at)]]
    (folder / "7-7.jsonl").write_text("\n".join(lines) + "\n")
    os.utime(folder, (at, at))
