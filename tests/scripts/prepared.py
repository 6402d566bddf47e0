"""A process that has imported what all programs import, and forks one for each that is asked for.

Requests are lines of JSON on its input, {"id", "module", "arguments", "cwd", "environment", "out",
"err"}; answers are lines on its output, {"id", "pid"} and, when a program has ended, {"id",
"code"}. TensorFlow does nothing before it is first used, so a fork of a process that only imported
it is as good as new.
"""

import gc
import json
import os
import runpy
import select
import sys
import traceback
import warnings

# Imported for the forks. Nothing of it is garbage: their collectors leave it alone.
gc.disable()
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import tensorflow as tf  # noqa: F401

    import glf.configurables
    import glf.evaluation.evaluate
    import glf.export  # noqa: F401
gc.freeze()
gc.enable()


def become(request):
    """Runs the program in this process, as `python -m` would; returns its exit code."""
    os.chdir(request["cwd"])
    os.environ.update(request["environment"])
    for descriptor, key in ((1, "out"), (2, "err")):
        file = os.open(request[key], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(file, descriptor)
    sys.path[0] = request["cwd"]
    sys.argv = [request["module"], *request["arguments"]]
    try:
        runpy.run_module(request["module"], run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code
        if isinstance(code, str):
            print(code, file=sys.stderr)
        return code if isinstance(code, int) else int(code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def serve():
    """Forks a program for each request, until the input ends and all of them are done."""
    threads = len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 1
    print(json.dumps({"threads": threads}), flush=True)
    running, buffered, more = {}, b"", True
    while more or running:
        ready, _, _ = select.select([0] if more else [], [], [], 0.02)
        if ready:
            read = os.read(0, 1 << 16)
            more = bool(read)
            *lines, buffered = (buffered + read).split(b"\n")
            for line in lines:
                request = json.loads(line)
                child = os.fork()
                if not child:
                    code = 1
                    try:
                        code = become(request)
                    finally:
                        sys.stdout.flush()
                        sys.stderr.flush()
                        os._exit(code)
                running[child] = request["id"]
                print(json.dumps({"id": request["id"], "pid": child}), flush=True)
        for child in list(running):
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                code = os.waitstatus_to_exitcode(status)
                print(json.dumps({"id": running.pop(child), "code": code}), flush=True)


if __name__ == "__main__":
    serve()
