#!/usr/bin/env python3
"""Kill anywhere, go on anywhere: whatever happens to a run, its end has the bits of the uninterrupted one.

soak.py (--seconds T | --rounds N) [--seed S] [--table FILE.md] RUN...

RUN is PROGRAM:DECK[:any|:each|:N][:key=value...]. `any`: each start has a random number of ranks from 1 to 4 (kinds with the same bits on all); `each`: a random
number for a whole round, compared with the uninterrupted run on as many (kinds whose rank counts agree to rounding); a number: always so many. key=value are
--set assignments.

A round begins a run, interrupts it one to four times, each time in another way drawn at random, and goes on after each; then it is left alone to the end and
compared with the uninterrupted run (`tessera compare`, no tolerance). The ways: SIGKILL to all ranks, to one, to mpirun; death at a hook inside the writing of
a checkpoint, of the series or of the result, or after a step; SIGUSR1, SIGTERM, SIGINT to mpirun or one rank; a stop by run.steps; between two starts the newest
checkpoint cut short, a bit of it flipped, or a left-over .part. The seed is printed; with it the same draws come again (times of signals as exactly as a machine
repeats them). The folder of a round that failed is kept. Exit status: 0 no difference, 1 otherwise.
"""
import argparse
import collections
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HOOKS = ["ckpt.write", "ckpt.flush", "ckpt.verify", "ckpt.rename", "series.write", "result.write"]
LIMIT = 300  # seconds: a start that takes longer hangs


class Failure(Exception):
    pass


class Run:
    def __init__(self, text):
        words = text.split(":")
        self.program, self.deck = os.path.abspath(words[0]), os.path.abspath(words[1])
        self.ranks = words[2] if len(words) > 2 else "any"
        self.set = [word for word in words[3:]]
        kind = next(line.split(":")[1].strip() for line in open(self.deck) if line.startswith("problem:"))
        name = os.path.splitext(os.path.basename(self.deck))[0].replace("contract", "").strip("_")
        self.name = kind if name in ("", kind) else kind + " " + name
        self.round_ranks = 1

    def rounds_alike(self):
        """The numbers of ranks that need an uninterrupted run of their own."""
        return [1, 2, 3, 4] if self.ranks == "each" else [1 if self.ranks == "any" else int(self.ranks)]

    def begin_round(self, draw):
        """Which of these the next round is compared with."""
        self.round_ranks = draw.choice(self.rounds_alike())
        return self.round_ranks

    def some_ranks(self, draw):
        return draw.randint(1, 4) if self.ranks == "any" else self.round_ranks


def environment(fault=""):
    env = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", OMPI_MCA_rmaps_base_oversubscribe="1",
               OMPI_MCA_hwloc_base_binding_policy="none", OMPI_MCA_mpi_yield_when_idle="1", OMPI_MCA_odls_base_sigkill_timeout="1",
               OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
    env.pop("TES_FAULT", None)
    if fault:
        env["TES_FAULT"] = fault
    return env


def start(run, folder, ranks, log, fault="", more=()):
    """mpirun in the background; its children are the ranks."""
    command = ["mpirun", "-n", str(ranks), run.program, "run", run.deck, "--output", folder, "--restart", "--quiet"]
    for assignment in list(run.set) + list(more):
        command += ["--set", assignment]
    log.write("\n$ TES_FAULT='%s' %s\n" % (fault, " ".join(command)))
    log.flush()
    return subprocess.Popen(command, env=environment(fault), stdout=log, stderr=log, stdin=subprocess.DEVNULL)


def children(pid):
    try:
        with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
            return [int(word) for word in f.read().split()]
    except OSError:
        return []


def send(pid, number):
    try:
        os.kill(pid, number)
    except OSError:
        pass


def end(process, what):
    """Wait for a start to end, and for its ranks, which may outlive mpirun for a moment."""
    ranks = children(process.pid)
    try:
        code = process.wait(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        for pid in [process.pid] + children(process.pid):
            send(pid, signal.SIGKILL)
        process.wait()
        raise Failure("hung for %d s: %s" % (LIMIT, what))
    for pid in ranks:
        for _ in range(200):
            if not os.path.exists("/proc/%d" % pid):
                break
            time.sleep(0.05)
        else:
            send(pid, signal.SIGKILL)
            raise Failure("a rank outlived mpirun by 10 s: %s" % what)
    return code


def generations(folder):
    try:
        return sorted(name for name in os.listdir(os.path.join(folder, "checkpoint")) if name.endswith(".h5"))
    except OSError:
        return []


def damage(folder, draw):
    """Spoil the newest checkpoint, if another one is there to fall back on; returns what was done."""
    names = generations(folder)
    if len(names) < 2:
        return None
    path = os.path.join(folder, "checkpoint", names[-1])
    size = os.path.getsize(path)
    what = draw.choice(["checkpoint cut short", "bit flipped", "left-over .part"])
    if what == "checkpoint cut short":
        os.truncate(path, draw.randrange(size))
    elif what == "bit flipped":
        with open(path, "r+b") as f:
            f.seek(draw.randrange(size))
            byte = f.read(1)
            f.seek(-1, 1)
            f.write(bytes([byte[0] ^ 1 << draw.randrange(8)]))
    else:
        shutil.copyfile(path, path + ".part")
        os.truncate(path + ".part", draw.randrange(size))
    return what


def interrupt(run, folder, draw, duration, steps, log):
    """One start that is interrupted somehow; returns the way and whether somebody was killed."""
    ranks = run.some_ranks(draw)
    every = "checkpoint.every_steps=%d" % draw.choice([1, 2, 3, 5, 8])
    keep = "checkpoint.keep=3"
    way = draw.choice(["all ranks killed", "one rank killed", "mpirun killed", "killed at a hook", "killed at a hook", "killed after a step", "signal to mpirun",
                       "signal to one rank", "stopped by run.steps"])
    if way == "killed at a hook":
        hook = draw.choice(HOOKS)
        end(start(run, folder, ranks, log, "kill@%s,rank=%d,count=%d" % (hook, draw.randrange(ranks), draw.randint(1, 12)), [every, keep]), hook)
        return "killed at " + hook, True
    if way == "killed after a step":
        end(start(run, folder, ranks, log, "kill@step,rank=%d,count=%d" % (draw.randrange(ranks), draw.randint(1, max(1, steps // 3))), [every, keep]), way)
        return way, True
    if way == "stopped by run.steps":
        end(start(run, folder, ranks, log, "", [every, keep, "run.steps=%d" % draw.randint(1, steps)]), way)
        return way, False
    number = draw.choice([signal.SIGUSR1, signal.SIGTERM, signal.SIGINT])
    process = start(run, folder, ranks, log, "", [every, keep])
    if draw.random() < 0.7:  # in the work; else anywhere, in the start of the ranks as well
        for _ in range(200):
            if process.poll() is not None or os.path.exists(os.path.join(folder, "lock")):
                break
            time.sleep(0.02)
        time.sleep(draw.uniform(0, 0.7 * duration))
    else:
        time.sleep(draw.uniform(0.1, 0.5 + duration))
    pids = children(process.pid)
    if way == "all ranks killed":
        for pid in pids:
            send(pid, signal.SIGKILL)
    elif way == "one rank killed" and pids:
        send(draw.choice(pids), signal.SIGKILL)
    elif way == "mpirun killed":
        send(process.pid, signal.SIGKILL)
    elif way == "signal to mpirun":
        send(process.pid, number)
        way = number.name + " to mpirun"
    elif way == "signal to one rank" and pids and os.path.exists(os.path.join(folder, "lock")):
        send(draw.choice(pids), number)
        way = number.name + " to one rank"
    else:
        way = "left alone, as no rank was there"
    end(process, way)
    for pid in pids:
        for _ in range(200):
            if not os.path.exists("/proc/%d" % pid):
                break
            time.sleep(0.05)
        else:
            send(pid, signal.SIGKILL)
            way += " (ranks had to be ended)"
    return way, "killed" in way


def compare(run, a, b):
    done = subprocess.run([run.program, "compare", a, b], env=environment(), capture_output=True, text=True)
    return done.returncode == 0, done.stdout + done.stderr


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("runs", nargs="+")
    arguments.add_argument("--seconds", type=float)
    arguments.add_argument("--rounds", type=int)
    arguments.add_argument("--seed", type=int, default=int(time.time()))
    arguments.add_argument("--table")
    a = arguments.parse_args()
    runs = [Run(text) for text in a.runs]
    draw = random.Random(a.seed)
    print("seed %d" % a.seed, flush=True)
    work = tempfile.mkdtemp(prefix="tessera soak.")
    log = open(os.path.join(work, "log"), "w")
    whole, duration, steps = {}, {}, {}
    for run in runs:
        for n in run.rounds_alike():
            folder = os.path.join(work, "%s.whole on %d" % (run.name, n))
            t0 = time.monotonic()
            if end(start(run, folder, n, log, "", ["checkpoint.every_steps=3"]), "uninterrupted run"):
                sys.exit("the uninterrupted run of %s failed: see %s" % (run.deck, log.name))
            whole[run, n], duration[run] = folder, time.monotonic() - t0
            steps[run] = int(open(os.path.join(folder, "status")).read().split()[1])
    begun, rounds, failures = time.monotonic(), 0, []
    ways, damages, kinds = collections.Counter(), collections.Counter(), collections.Counter()
    kills = starts = differences = 0
    while (a.rounds is None or rounds < a.rounds) and (a.seconds is None or time.monotonic() - begun < a.seconds):
        run = draw.choice(runs)
        n = run.begin_round(draw)
        folder = os.path.join(work, "round %d" % rounds)
        happened = []
        try:
            for _ in range(draw.randint(1, 4)):
                way, killed = interrupt(run, folder, draw, duration[run], steps[run], log)
                happened.append(way)
                ways[way] += 1
                kills += killed
                starts += 1
                if draw.random() < 0.3:
                    what = damage(folder, draw)
                    if what:
                        happened.append(what)
                        damages[what] += 1
            code = end(start(run, folder, run.some_ranks(draw), log), "the last start")
            starts += 1
            if code:
                raise Failure("the last start ended with %d" % code)
            same, text = compare(run, whole[run, n], folder)
            if not same:
                differences += 1
                raise Failure("another result: " + text)
            shutil.rmtree(folder)
        except Failure as failure:
            failures.append("round %d (%s): %s; after: %s; see %s" % (rounds, run.name, failure, ", ".join(happened), folder))
            print(failures[-1], flush=True)
        kinds[run.name] += 1
        rounds += 1
    lines = ["| what | number |", "|---|---|", "| seed | %d |" % a.seed, "| minutes | %.0f |" % ((time.monotonic() - begun) / 60), "| rounds | %d |" % rounds]
    lines += ["| rounds of %s | %d |" % item for item in sorted(kinds.items())]
    lines += ["| starts | %d |" % starts, "| of these killed | %d |" % kills]
    lines += ["| %s | %d |" % item for item in sorted(ways.items())] + ["| %s between two starts | %d |" % item for item in sorted(damages.items())]
    lines += ["| rounds that failed otherwise | %d |" % (len(failures) - differences), "| differences | %d |" % differences]
    print("\n".join(lines), flush=True)
    if a.table:
        with open(a.table, "w") as f:
            f.write("\n".join(lines) + "\n")
    log.close()
    if failures:
        sys.exit(1)
    shutil.rmtree(work)


main()
