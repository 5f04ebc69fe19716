#!/usr/bin/env python3
"""`ifr bench` beside other engines on the same networks, frames and machine, in turns; see README.md.

    benches/peers/run.py                              everything
    benches/peers/run.py --cases ifrnet-s:448x256     one case
    benches/peers/run.py --json results.json > results.md
"""

import argparse
import array
import contextlib
import fcntl
import hashlib
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
PLACE = TARGET / "peers"
TIMES = ("ifrnet-s:448x256", "ifrnet-s:1280x704", "ifrnet-b:448x256", "ifrnet-b:1280x704", "ifr-plus:448x256")
MEMORY = ("ifrnet-s:1920x1088", "ifrnet-s:3840x2176")
PEERS = ("ncnn", "onnxruntime", "openvino")
# How far outputs may be apart; values are in [0, 1].
TOLERANCE = 2e-3


def say(*words):
    print(*words, file=sys.stderr, flush=True)


def environment():
    """A Python with the peers, of its own, beside the build's output."""
    folder = PLACE / "env"
    python = folder / "bin" / "python"
    lists = [HERE / "requirements.txt", HERE / "requirements-no-deps.txt"]
    wanted = hashlib.sha256(b"".join(path.read_bytes() for path in lists)).hexdigest()
    mark = folder / "made-from"
    if not mark.exists() or mark.read_text() != wanted:
        say(f"installing the peers in {folder}")
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        install = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--only-binary", ":all:"]
        subprocess.run([*install, "-r", str(lists[0])], check=True, stdout=sys.stderr)
        subprocess.run([*install, "--no-deps", "-r", str(lists[1])], check=True, stdout=sys.stderr)
        mark.write_text(wanted)
    return python


def programs():
    """`ifr`, and the program that makes weights up."""
    subprocess.run(["cargo", "build", "--release", "-p", "ifr", "--bin", "ifr"], cwd=ROOT, check=True)
    subprocess.run(["cargo", "build", "--release", "-p", "ifr-net", "--example", "by_rule"], cwd=ROOT, check=True)
    return TARGET / "release" / "ifr", TARGET / "release" / "examples" / "by_rule"


def exported(tools, network, size, opset=None):
    """The ONNX file of a network for one size."""
    ifr, by_rule, _ = tools
    weights = PLACE / f"{network}.safetensors"
    subprocess.run([by_rule, network, weights], check=True)
    model = PLACE / f"{network}-{size}{f'-opset{opset}' if opset else ''}.onnx"
    command = [ifr, "convert", weights, model, "--size", size, "--force", *(["--opset", str(opset)] if opset else [])]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    return weights, model


def converted(tools, model):
    """The path of ncnn's model, without .param and .bin; nothing where the converter fails."""
    stem = model.stem.replace("-", "_")
    folder = PLACE / f"ncnn-{model.stem}"
    folder.mkdir(exist_ok=True)
    base = folder / f"{stem}.ncnn"
    copy = folder / f"{stem}.onnx"
    copy.write_bytes(model.read_bytes())
    # The package itself imports PyTorch; its place is known without that.
    find = "import importlib.util, pathlib; s = importlib.util.find_spec('pnnx'); " \
        "print(next(p for p in pathlib.Path(s.origin).parent.rglob('pnnx') if p.is_file()))"
    pnnx = subprocess.run([tools[2], "-c", find], check=True, capture_output=True, text=True).stdout.strip()
    done = subprocess.run([pnnx, copy.name, "fp16=0"], cwd=folder, capture_output=True)
    return base if done.returncode == 0 and Path(f"{base}.bin").exists() else None


class Peer:
    """A worker process."""

    def __init__(self, tools, name, model, size, threads):
        width, height = size.split("x")
        command = [tools[2], HERE / "worker.py", name, model, width, height, threads]
        variables = dict(os.environ, OMP_NUM_THREADS=str(threads))
        self.process = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=variables,
            stderr=subprocess.DEVNULL,
        )
        self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"ended with code {self.process.wait()}")
        return json.loads(line)

    def ask(self, words):
        self.process.stdin.write(words + "\n")
        self.process.stdin.flush()
        return self.answer()

    def run(self, count):
        return self.ask(f"run {count}")

    def write(self, path):
        self.ask(f"write {path}")

    def end(self):
        peak = self.ask("end")["peak"]
        self.process.wait()
        return peak

    def stop(self):
        """Ends it, if that was not done: an interrupted run leaves no worker behind."""
        self.process.kill()


class Ours:
    """`ifr bench`, a process for each turn."""

    def __init__(self, tools, weights, size, threads):
        self.command = [tools[0], "bench", "--json", "--model", weights, "--size", size, "--threads", str(threads)]
        self.peak = 0

    def run(self, count, *more):
        told = json.loads(subprocess.run([*self.command, "--runs", str(count), *more], check=True, capture_output=True).stdout)
        self.peak = max(self.peak, told["peak_memory_bytes"])
        self.told = told
        return {"seconds": told["seconds"]["all"], "processor": told["processor_seconds"]}

    def write(self, path):
        self.run(1, "--output", path, "--force")

    def end(self):
        return self.peak

    def stop(self):
        pass


def floats(path):
    values = array.array("f")
    values.frombytes(Path(path).read_bytes())
    return values


def apart(a, b):
    """The largest difference of two frames; infinite where one holds what is no number."""
    a, b = floats(a), floats(b)
    if len(a) != len(b):
        raise RuntimeError(f"{len(b)} values where {len(a)} were expected")
    worst = 0.0
    for x, y in zip(a, b):
        difference = abs(x - y)
        if not difference <= worst:
            if difference != difference:
                return float("inf")
            worst = difference
    return worst


def engines(tools, case, size_threads, failures, found, wanted=("ifr", *PEERS)):
    """Puts those of the wanted ones that can run the case into `found`, by name."""
    network, size = case.split(":")
    weights, model = exported(tools, network, size)
    if "ifr" in wanted:
        found["ifr"] = Ours(tools, weights, size, size_threads)
    for name in (name for name in PEERS if name in wanted):
        models = {name: model}
        if name == "ncnn":
            models = {name: converted(tools, model)}
        elif network == "ifr-plus" and name == "onnxruntime":
            models = {"onnxruntime": model, "onnxruntime, opset 16": exported(tools, network, size, 16)[1]}
        elif network == "ifr-plus":
            models = {name: exported(tools, network, size, 16)[1]}
        for label, model_of in models.items():
            try:
                if model_of is None:
                    raise RuntimeError("its converter fails")
                found[label] = Peer(tools, name, model_of, size, size_threads)
            except RuntimeError as e:
                failures.append({"case": case, "engine": label, "why": str(e)})
                say(f"  {label}: {e}")


@contextlib.contextmanager
def alone(path):
    """Nobody else who locks that file (as flock does) measures meanwhile."""
    if path is None:
        yield
        return
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def measure(tools, case, threads, rounds, runs, failures, lock=None):
    """Times and memory of every engine on one case, in turns."""
    say(f"{case}, {threads} threads")
    found = {}
    try:
        return in_turns(tools, case, threads, rounds, runs, failures, lock, found)
    finally:
        for engine in found.values():
            engine.stop()


def remember(tools, case, threads, failures):
    """Memory, and the time of one frame, of every engine on one case: one after another, since all at once may not fit."""
    say(f"{case}, {threads} threads, one engine at a time")
    row = None
    ours = PLACE / "ifr.raw"
    for wanted in ("ifr", *PEERS):
        found = {}
        try:
            engines(tools, case, threads, failures, found, (wanted,))
            for name, engine in found.items():
                told = engine.run(1)
                theirs = ours if name == "ifr" else PLACE / "peer.raw"
                engine.write(theirs)
                about = figures(told["seconds"], [told["processor"]], engine.end(), 0.0 if name == "ifr" else apart(ours, theirs))
                if row is None:
                    row = {"case": case, "threads": threads, "engines": {}, **share(engine)}
                row["engines"][name] = about
                say("  {:<22} {:8.1f} MB".format(name, about["peak_bytes"] / 1e6))
        except RuntimeError as e:
            failures.append({"case": case, "engine": wanted, "why": str(e)})
            say(f"  {wanted}: {e}")
        finally:
            for engine in found.values():
                engine.stop()
    return row


def figures(times, processor, peak, difference):
    """What is told of an engine on a case."""
    spread = sorted(times)
    return {
        "median": statistics.median(spread),
        "min": spread[0],
        "max": spread[-1],
        "processor": min(processor),
        "runs": len(spread),
        "peak_bytes": peak,
        "apart": difference,
    }


def share(ours):
    """What `ifr bench` says of its kernels."""
    return {"share_of_peak": ours.told["share_of_peak"], "level": ours.told["level"]}


def in_turns(tools, case, threads, rounds, runs, failures, lock, found):
    engines(tools, case, threads, failures, found)
    ours = PLACE / "ifr.raw"
    times, processor, wrong = {n: [] for n in found}, {n: [] for n in found}, {}
    for number in range(rounds):
        # Each turn begins with another one.
        names = list(found)
        names = names[number % len(names):] + names[: number % len(names)]
        with alone(lock):
            for name in names:
                time.sleep(0.2)  # threads of the one before may still be waiting busily
                told = found[name].run(runs)
                times[name] += told["seconds"]
                processor[name].append(told["processor"])
    for name, engine in found.items():
        if name == "ifr":
            engine.write(ours)
        else:
            theirs = PLACE / "peer.raw"
            engine.write(theirs)
            wrong[name] = apart(ours, theirs)
    row = {"case": case, "threads": threads, "engines": {}}
    for name, engine in found.items():
        row["engines"][name] = figures(times[name], processor[name], engine.end(), wrong.get(name, 0.0))
        say("  {:<22} {:8.1f} ms".format(name, 1e3 * row["engines"][name]["median"]))
    row |= share(found["ifr"])
    return row


def machine():
    about = {"system": f"{platform.system()} {platform.machine()}", "processors": os.cpu_count()}
    try:
        text = Path("/proc/cpuinfo").read_text()
        fields = {k.strip(): v.strip() for k, _, v in (line.partition(":") for line in text.splitlines())}
        flags = fields.get("flags", "").split()
        matter = ("avx2", "fma", "avx512f", "avx512bw", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_bf16", "amx_int8")
        about["processor"] = f"{fields.get('model name')} (family {fields.get('cpu family')}, model {fields.get('model')})"
        about["flags"] = " ".join(f for f in matter if f in flags)
    except OSError:
        about["processor"], about["flags"] = platform.processor(), ""
    about["load"] = os.getloadavg()[0]
    return about


def table(results):
    """Everything as Markdown."""
    about, lines = results["machine"], []
    lines.append(f"Machine: {about['processor']}, {about['processors']} processors, {about['flags']}; {about['system']}; load at the "
                 f"start {about['load']:.1f}, at the end {about['load_after']:.1f}.")
    lines.append("Versions: " + ", ".join(f"{k} {v}" for k, v in results["versions"].items()) + ".")
    lines.append("\n| case | threads | engine | median ms | min–max ms | processor ms | against ifr | memory MB | apart |")
    lines.append("|---|---|---|---|---|---|---|---|---|")
    for row in results["rows"]:
        ours = row["engines"]["ifr"]
        for name, e in row["engines"].items():
            ratio = "" if name == "ifr" else f"{e['median'] / ours['median']:.2f}×"
            apart_of = "" if name == "ifr" else f"{e['apart']:.1e}"
            lines.append(
                f"| {row['case'].replace(':', ' ')} | {row['threads']} | {name} | {1e3 * e['median']:.1f} | "
                f"{1e3 * e['min']:.1f}–{1e3 * e['max']:.1f} | {1e3 * e['processor']:.0f} | {ratio} | {e['peak_bytes'] / 1e6:.0f} | {apart_of} |"
            )
    lines.append("\n| case | threads | fastest peer | ifr is faster by | by processor time | leanest peer's memory | ifr's |")
    lines.append("|---|---|---|---|---|---|---|")
    for row in results["rows"]:
        ours = row["engines"]["ifr"]
        peers = {n: e for n, e in row["engines"].items() if n != "ifr"}
        if not peers:
            continue
        fastest = min(peers, key=lambda n: peers[n]["median"])
        busy = min(e["processor"] for e in peers.values())
        lean = min(e["peak_bytes"] for e in peers.values())
        lines.append(
            f"| {row['case'].replace(':', ' ')} | {row['threads']} | {fastest} | {peers[fastest]['median'] / ours['median']:.2f}× | "
            f"{busy / max(ours['processor'], 1e-9):.2f}× | {lean / 1e6:.0f} MB | {ours['peak_bytes'] / 1e6:.0f} MB ({100 * ours['peak_bytes'] / lean:.0f} %) |"
        )
    by_case = {(r["case"], r["threads"]): r["engines"]["ifr"] for r in results["rows"]}
    for (case, threads), two in by_case.items():
        one = by_case.get((case, 1))
        if threads > 1 and one:
            lines.append(f"\n{case.replace(':', ' ')}: {threads} threads are {one['median'] / two['median']:.2f}× as fast as one.")
    for failed in results["failures"]:
        lines.append(f"\n{failed['engine']} does not run {failed['case'].replace(':', ' ')}: {failed['why']}.")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="*", default=list(TIMES), help="NETWORK:WIDTHxHEIGHT, of which time is measured")
    parser.add_argument("--memory", nargs="*", default=list(MEMORY), help="the same of which memory matters: one run each")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--one", nargs="*", default=["ifrnet-s:448x256"], help="cases that are run on one thread, too")
    parser.add_argument("--rounds", type=int, default=4, help="turns of each engine")
    parser.add_argument("--runs", type=int, default=3, help="frames of a turn, after one that does not count")
    parser.add_argument("--lock", type=Path, help="a file that is locked during each round, for others who measure here")
    parser.add_argument("--json", type=Path, help="write all numbers to this file")
    options = parser.parse_args()
    if options.rounds * options.runs < 7:
        parser.error("a median of fewer than 7 runs says little: raise --rounds or --runs")

    PLACE.mkdir(parents=True, exist_ok=True)
    python = environment()
    tools = (*programs(), python)
    about = machine()
    ask = "from importlib.metadata import version as v; print(*(n + '=' + v(n) for n in ('ncnn', 'onnxruntime', 'openvino', 'pnnx')))"
    versions = subprocess.run([python, "-c", ask], check=True, capture_output=True, text=True).stdout.split()
    ifr = subprocess.run([tools[0], "--version"], check=True, capture_output=True, text=True).stdout.split()[1]
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    versions = {"ifr": f"{ifr} ({commit})", **dict(v.split("=") for v in versions)}
    rows, failures = [], []
    results = {"machine": about, "versions": versions, "rows": rows, "failures": failures}

    def add(row):
        rows.append(row)
        about["load_after"] = os.getloadavg()[0]
        # After every case: an interrupted run leaves what it has.
        if options.json:
            options.json.write_text(json.dumps(results, indent=1) + "\n")

    for case in options.cases:
        for threads in (options.threads, *([1] if case in options.one and options.threads > 1 else [])):
            add(measure(tools, case, threads, options.rounds, options.runs, failures, options.lock))
    for case in options.memory:
        add(remember(tools, case, options.threads, failures))
    print(table(results), end="")
    wrong = [(r["case"], n, e["apart"]) for r in rows for n, e in r["engines"].items() if not e["apart"] <= TOLERANCE]
    for case, name, difference in wrong:
        say(f"{case}: {name} and ifr differ by {difference:.1e}, more than {TOLERANCE}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
