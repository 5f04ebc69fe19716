#!/usr/bin/env python3
"""Images a second of the trainer beside a plain PyTorch loop: same network (IFRNet-S with its losses), crop, batch and precision,
same libtorch, same machine. Both run in turns, so that what else the machine does falls on both; each turn's first steps are left
out. Prints a table in Markdown and, with --json FILE, writes all numbers.

    benches/train_throughput/run.py --batch 8 --crop 128 --precision bf16 --threads 2 --rounds 5
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
# The version that the trainer is built with.
TORCH = "torch==2.11.0"


def python():
    """A Python that can import torch: $PYTHON, or an environment made for this beside the build's output (3 GB to download)."""
    chosen = os.environ.get("PYTHON")
    if chosen:
        return chosen
    folder = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "train-throughput-venv"
    interpreter = folder / "bin" / "python"
    works = [str(interpreter), "-W", "ignore", "-c", "import torch"]
    if not interpreter.exists() or subprocess.run(works, stderr=subprocess.DEVNULL).returncode != 0:
        print(f"installing {TORCH} in {folder}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        install = [str(interpreter), "-m", "pip", "install", "--quiet", "--no-cache-dir", TORCH]
        subprocess.run(install, check=True, stdout=sys.stderr)
        subprocess.run(works, check=True)
    return str(interpreter)


def trainer():
    """The trainer's benchmark, built if need be."""
    chosen = os.environ.get("THROUGHPUT")
    if chosen:
        return chosen
    build = ["cargo", "build", "--release", "-p", "ifr-train", "--no-default-features", "--example", "throughput"]
    subprocess.run(build, cwd=ROOT, check=True, stdout=sys.stderr)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return str(target / "release" / "examples" / "throughput")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--crop", type=int, default=128)
    parser.add_argument("--precision", choices=("f32", "bf16"), default="f32")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=5, help="turns of each")
    parser.add_argument("--steps", type=int, default=6, help="steps of a turn that count")
    parser.add_argument("--warmup", type=int, default=2, help="first steps of a turn that do not")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()

    shared = []
    for name in ("batch", "crop", "precision", "device", "threads"):
        shared += [f"--{name}", str(getattr(options, name))]
    shared += ["--steps", str(options.steps + options.warmup)]
    commands = {"trainer": [trainer()], "plain PyTorch": [python(), "-W", "ignore", str(HERE / "plain.py")]}
    libraries = os.environ.get("LIBTORCH", str(ROOT / ".venv" / "libtorch")) + "/lib"
    path = [libraries, os.environ.get("LD_LIBRARY_PATH")]
    environment = dict(os.environ, LD_LIBRARY_PATH=os.pathsep.join(p for p in path if p))

    seconds = {name: [] for name in commands}
    for turn in range(options.rounds):
        # Whoever goes first changes from turn to turn.
        for name in sorted(commands, reverse=turn % 2 == 1):
            done = subprocess.run(commands[name] + shared, env=environment, check=True, stdout=subprocess.PIPE, text=True)
            seconds[name].append(json.loads(done.stdout.splitlines()[-1])["seconds"][options.warmup :])
            median = statistics.median(seconds[name][-1])
            print(f"turn {turn + 1}, {name}: {median:.3f} s a step", file=sys.stderr)

    # The median of a turn, then the median of turns: one disturbed step or turn counts for nothing.
    median = {name: statistics.median(statistics.median(turn) for turn in turns) for name, turns in seconds.items()}
    speed = {name: options.batch / time for name, time in median.items()}
    ratio = speed["trainer"] / speed["plain PyTorch"]
    where = f"{options.device}, {options.threads} threads" if options.device == "cpu" else options.device
    print(f"IFRNet-S, batch {options.batch}, crops {options.crop}×{options.crop}, {options.precision}, {where}, "
          f"{options.rounds} turns of {options.steps} steps\n")
    print("| | seconds a step | images a second | beside plain PyTorch |")
    print("|---|---|---|---|")
    for name, time in median.items():
        print(f"| {name} | {time:.3f} | {speed[name]:.2f} | {speed[name] / speed['plain PyTorch']:.3f} |")
    if options.json:
        record = {name: getattr(options, name) for name in ("batch", "crop", "precision", "device", "threads")}
        record |= {"machine": platform.processor() or platform.machine(), "seconds": seconds}
        record |= {"images_per_second": speed, "ratio": ratio}
        options.json.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
