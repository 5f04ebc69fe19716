#!/usr/bin/env python3
"""A whole `ifr interpolate` beside what its network alone takes, in turns; see README.md.

    benches/job/run.py CLIP                                 IFRNet-S, 41 frames, two presets
    benches/job/run.py CLIP --presets medium --turns 7 --json results.json
"""

import argparse
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))


def say(*words):
    print(*words, file=sys.stderr, flush=True)


def programs():
    """`ifr`, and the program that makes weights up."""
    subprocess.run(["cargo", "build", "--release", "-p", "ifr", "--bin", "ifr"], cwd=ROOT, check=True)
    subprocess.run(["cargo", "build", "--release", "-p", "ifr-net", "--example", "by_rule"], cwd=ROOT, check=True)
    return TARGET / "release" / "ifr", TARGET / "release" / "examples" / "by_rule"


def without_motion(path):
    """Zeroes the last layer of each decoder of made-up weights: no flow, no residual, so that what is made are means of two frames, not
    noise, which would take the encoder far longer than any video."""
    data = bytearray(path.read_bytes())
    header = int.from_bytes(data[:8], "little")
    tensors = json.loads(data[8 : 8 + header])
    last = [name for name in tensors if re.fullmatch(r"decoder[1-4]\.convblock\.2\.(weight|bias)", name)]
    if len(last) != 8:
        sys.exit(f"found {len(last)} parameters of last layers, expected 8: only IFRNet's are known")
    for name in last:
        start, end = (8 + header + offset for offset in tensors[name]["data_offsets"])
        data[start:end] = bytes(end - start)
    path.write_bytes(data)


def size_of(ifr, clip, folder):
    command = [ifr, "interpolate", clip, "-o", Path(folder) / "size.mp4", "--frames", "3", "--dry-run", "--json"]
    told = subprocess.run(command, check=True, capture_output=True, text=True)
    plan = json.loads(told.stdout)
    return plan["width"], plan["height"]


def network_seconds(ifr, weights, size, frames):
    """Seconds that so many frames take together."""
    width, height = size
    command = [ifr, "bench", "--model", weights, "--size", f"{width}x{height}", "--runs", str(frames), "--json"]
    told = subprocess.run(command, check=True, capture_output=True, text=True)
    return sum(json.loads(told.stdout)["seconds"]["all"])


def job(ifr, weights, clip, frames, preset, folder, encoder):
    """Seconds, processor seconds, and frames made, of a whole job."""
    out = Path(folder) / "out.mp4"
    command = [ifr, "interpolate", clip, "-o", out, "--model", weights, "--factor", "2", "--frames", str(frames)]
    command += ["--encoder", encoder, "--encoder-preset", preset, "--force", "--json"]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    told = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    report = json.loads(told.stdout.strip().splitlines()[-1])
    return seconds, processor, report["made"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clip")
    parser.add_argument("--network", default="ifrnet-s", choices=["ifrnet-s", "ifrnet-b", "ifrnet-l"])
    parser.add_argument("--frames", type=int, default=41, help="of the clip")
    parser.add_argument("--encoder", default="libx264")
    parser.add_argument("--presets", nargs="+", default=["veryfast", "medium"])
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--json", metavar="FILE")
    args = parser.parse_args()
    ifr, by_rule = programs()
    rows = {preset: [] for preset in args.presets}
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / f"{args.network}.safetensors"
        subprocess.run([by_rule, args.network, weights], check=True)
        without_motion(weights)
        size = size_of(ifr, args.clip, folder)
        for turn in range(args.turns):
            network = network_seconds(ifr, weights, size, args.frames - 1)
            # Each is next to the network's turn as often as the others.
            for preset in args.presets[turn % len(args.presets):] + args.presets[: turn % len(args.presets)]:
                seconds, processor, made = job(
                    ifr, weights, args.clip, args.frames, preset, folder, args.encoder
                )
                if made != args.frames - 1:
                    sys.exit(f"{made} frames were made of {args.frames}: the clip is shorter, or has cuts or repeats")
                rows[preset].append(
                    {
                        "seconds": seconds,
                        "processor_seconds": processor,
                        "made": made,
                        "network_seconds": network,
                        "ratio": seconds / network,
                    }
                )
                say(f"turn {turn + 1}, {preset}: {seconds:.1f} s for {made} frames, network {network:.1f} s: {seconds / network:.3f}")
    print("| preset | job s | network alone s | ratio | least–most |")
    print("|---|---|---|---|---|")
    for preset, turns in rows.items():
        median = {key: statistics.median(turn[key] for turn in turns) for key in ("seconds", "network_seconds", "ratio")}
        ratios = [turn["ratio"] for turn in turns]
        print(
            f"| {preset} | {median['seconds']:.1f} | {median['network_seconds']:.1f} "
            f"| {median['ratio']:.3f} | {min(ratios):.3f}–{max(ratios):.3f} |"
        )
    if args.json:
        Path(args.json).write_text(json.dumps({"size": size, "frames": args.frames, "turns": rows}, indent=1))


if __name__ == "__main__":
    main()
