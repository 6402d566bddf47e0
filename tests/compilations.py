"""How many programs XLA compiles."""

import pathlib
import tempfile

import tensorflow as tf
from tensorflow.tsl.profiler.protobuf import xplane_pb2

# What XLA's compiler for a CPU notes in TensorFlow's profiler, once for each program.
COMPILING = "CpuCompiler::RunBackend"


def compilations(function):
    """How many programs XLA compiles for a CPU while `function` runs."""
    options = tf.profiler.experimental.ProfilerOptions(
        host_tracer_level=1, python_tracer_level=0, device_tracer_level=0
    )
    with tempfile.TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder, options):
            function()
        [file] = pathlib.Path(folder).rglob("*.xplane.pb")
        planes = xplane_pb2.XSpace.FromString(file.read_bytes()).planes
    count = 0
    for plane in planes:
        names = {key: event.name for key, event in plane.event_metadata.items()}
        events = (event for line in plane.lines for event in line.events)
        count += sum(names[event.metadata_id] == COMPILING for event in events)
    return count
