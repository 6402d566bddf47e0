"""Training steps by one, two and four workers on this machine: time, and what they sum.

A GLF and a Glow of the digits, the batch of the study shared by processes that are connected by
loopback, as graphs. "summed" are the gradients of a step, which each worker gets the sum of; "sent"
is what goes over the interface meanwhile (of Linux' own counters, with whatever else does), by a
worker. Workers share the cores of this machine: that several are slower here says nothing of
several machines.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile

STUDIES = ("glf", "glow")
WORKERS = (1, 2, 4)


def sent():
    """Bytes that went over loopback so far; 0 where the system does not say."""
    try:
        with open("/proc/net/dev", encoding="utf-8") as handle:
            lines = [line.split() for line in handle if line.strip().startswith("lo:")]
        return int(lines[0][9])
    except (OSError, IndexError, ValueError):
        return 0


def work(study, workdir, steps):
    """A worker, or the only one where TF_CONFIG is not set: prints what it found as JSON."""
    import time

    from glf import configurables
    from glf.training.execution import Execution, Provenance
    from glf.training.run import Run
    from glf.training.run_folder import RunFolder

    configurables.parse([f"configs/studies/{study}/digits.gin"])
    strategy = "multi_worker" if "TF_CONFIG" in os.environ else "single"
    execution = Execution(strategy=strategy, jit=False)
    run = Run(RunFolder(workdir), configurables.experiment(), execution, Provenance())
    iterator = iter(run.batches(0))
    run.stepper.run(iterator, 5)
    before, began = sent(), time.perf_counter()
    run.stepper.run(iterator, steps)
    seconds = time.perf_counter() - began
    found = {"step (ms)": 1e3 * seconds / steps, "sent (kB)": (sent() - before) / steps / 1e3}
    found["summed (kB)"] = run.stepper.reduced_bytes() / 1e3
    print(json.dumps(found), flush=True)


def together(study, number, steps):
    """What the first of `number` workers found."""
    with tempfile.TemporaryDirectory() as folder:
        sockets = [socket.create_server(("localhost", 0)) for _ in range(number)]
        ports = [each.getsockname()[1] for each in sockets]
        for each in sockets:
            each.close()
        cluster = {"worker": [f"localhost:{port}" for port in ports]}
        code = f"from {__name__} import work; work({study!r}, {folder + '/run'!r}, {steps})"
        running = []
        for index in range(number):
            config = {"cluster": cluster, "task": {"type": "worker", "index": index}}
            more = {"TF_CONFIG": json.dumps(config)} if number > 1 else {}
            running.append(
                subprocess.Popen(
                    [sys.executable, "-c", code],
                    env={**os.environ, **more},
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                )
            )
        said = [each.communicate()[0] for each in running]
    if any(each.returncode for each in running):
        raise ValueError(f"A worker of {number} of {study} failed; try scripts.train by hand.")
    found = json.loads(said[0].splitlines()[-1])
    found["sent (kB)"] /= number
    return found


def measure(sizes):
    """Once each, over eight rounds' steps."""
    figures = {}
    for study in STUDIES:
        for number in WORKERS:
            for name, value in together(study, number, 8 * sizes.steps).items():
                figures[f"{study}, workers: {number}, {name}"] = value
    return figures
