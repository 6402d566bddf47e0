"""What a training step draws follows from the run's seed and the step's number."""

import pytest
import tensorflow as tf

from glf.core import random
from glf.training.run_folder import JsonLines


@pytest.mark.slow
def test_every_step_draws_anew(short_run, tmp_path, tiny):
    class Drawing(tiny):
        def _loss_terms(self, x, seed, training, condition):
            terms = super()._loss_terms(x, seed, training, condition)
            return {**terms, "drawn": random.uniform([tf.shape(x)[0]], seed)}

    quiet = {"validate_every": 0, "pictures_every": 0, "moving_average": None}
    short_run(make_model=Drawing, num_steps=3, log_every=1, **quiet)
    records = JsonLines(tmp_path / "run" / "logs" / "train.jsonl").read()
    assert len({record["drawn"] for record in records}) == 3
