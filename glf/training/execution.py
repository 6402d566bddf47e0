"""The execution of a run, and the provenance that its folder tells."""

import dataclasses
from collections.abc import Callable


@dataclasses.dataclass(frozen=True)
class Execution:
    """How a run is executed, as flags say; nothing here belongs to the experiment.

    Attributes:
      strategy: the name of a `tf.distribute` strategy, see `strategies.make_strategy`.
      devices: the devices of the mirrored strategy; None: all GPUs.
      worker_timeout: seconds after which several workers give up one that does not answer.
      precision: "float32", "mixed_bfloat16" or "mixed_float16".
      jit: whether a single replica's step is compiled with XLA; None: as the run began, or else
        if that is faster, see `choosing.py`.
      data_dir: where prepared datasets lie.
      data_path: where the data of a source with a path are now, if not there.
    """

    strategy: str = "single"
    devices: list | None = None
    worker_timeout: float = 3600.0
    precision: str = "float32"
    jit: bool | None = True
    data_dir: str | None = None
    data_path: str | None = None


@dataclasses.dataclass(frozen=True)
class Provenance:
    """Where a run comes from, for its folder.

    Attributes:
      config: the configuration as text.
      operative_config: returns the configuration that was really used, as text; None: unknown.
      essence: a function of (text, whether the path of the data counts) that gives the lines of a
        configuration that say what the result is; None: all but that of train.num_steps.
      about: facts for `run.json`: flags, versions.
    """

    config: str = ""
    operative_config: Callable | None = None
    essence: Callable | None = None
    about: dict = dataclasses.field(default_factory=dict)
