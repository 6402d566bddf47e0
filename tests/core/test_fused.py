"""Small operations made one XLA program where they are asked to be."""

import pytest
import tensorflow as tf

from glf.core.fused import as_traced, fused, fusing


def programs_of(traced):
    """Names of the XLA programs within a traced function."""
    calls = [op for op in traced.graph.get_operations() if "PartitionedCall" in op.type]
    return [op.name for op in calls if op.get_attr("_XlaMustCompile")]


def test_only_within_the_block():
    def small(x, scale):
        return tf.exp(scale * x) - 1.0

    def traced():
        def step(x):
            return fused(small, x, scale=2.0) + x

        return tf.function(step, autograph=False).get_concrete_function(tf.TensorSpec([3]))

    plain = traced()
    with fusing():
        compiled = traced()
    after = traced()
    assert [len(programs_of(t)) for t in (plain, compiled, after)] == [0, 1, 0]
    x = tf.constant([0.0, 0.5, -1.0])
    tf.debugging.assert_near(compiled(x), plain(x))


OPTION = "disable_meta_optimizer"


def options():
    return tf.config.optimizer.get_experimental_options().get(OPTION, False)


@pytest.mark.parametrize("before", [True, False])
def test_rewriting_is_left_out_within_the_block_alone(before):
    found = options()
    try:
        tf.config.optimizer.set_experimental_options({OPTION: before})
        with as_traced():
            assert options()
        assert options() == before
    finally:
        tf.config.optimizer.set_experimental_options({OPTION: found})
