"""What the benchmark counts of a program, against programs whose costs are known."""

import pytest
import tensorflow as tf

from scripts.benchmarks.costs import costs, program


def counted(function, *shapes):
    compiled = tf.function(function, jit_compile=True, autograph=False)
    return costs(program(compiled, *map(tf.ones, shapes)))


def test_a_matrix_product():
    operations, moved = counted(lambda a, b: a @ b, (30, 40), (40, 50))
    assert operations == 2 * 30 * 40 * 50
    assert moved == 4 * (30 * 40 + 40 * 50 + 30 * 50)


def test_a_convolution_of_groups():
    def convolve(x, kernel):
        return tf.nn.conv2d(x, kernel, strides=2, padding="SAME")

    operations, moved = counted(convolve, (3, 16, 16, 8), (3, 3, 4, 12))
    assert operations == 2 * (3 * 8 * 8 * 12) * (3 * 3 * 4)
    assert moved >= 4 * (3 * 16 * 16 * 8 + 3 * 3 * 4 * 12 + 3 * 8 * 8 * 12)


def test_zeros_between_pixels_are_no_operands():
    def convolve(x, kernel):
        return tf.nn.conv2d_transpose(x, kernel, (3, 16, 16, 4), strides=2)

    operations, _ = counted(convolve, (3, 8, 8, 8), (3, 3, 4, 8))
    assert operations == 2 * (3 * 8 * 8 * 8) * (3 * 3 * 4)


def test_of_a_tensor_of_which_a_piece_is_taken_the_piece():
    def halves(x):
        first, second = tf.split(x, 2, axis=1)
        return tf.sin(first), tf.cos(second)

    assert counted(halves, (100, 40))[1] == 4 * 2 * 100 * 40

    def rows(x):
        array = tf.TensorArray(tf.float32, 50, element_shape=[64]).unstack(x)
        added = tf.TensorArray(tf.float32, 50, element_shape=[64])
        return tf.while_loop(
            lambda i, _: i < 50, lambda i, a: (i + 1, a.write(i, tf.sin(array.read(i)))), (0, added)
        )[1].stack()

    # What is laid out ahead of the loop and joined behind it comes to a few more.
    assert 4 * 2 * 50 * 64 <= counted(rows, (50, 64))[1] < 3 * 4 * 2 * 50 * 64


def test_what_stands_in_one_operation_is_read_and_written_once():
    operations, moved = counted(lambda x: tf.exp(x) * 2.0 + tf.sin(x), (1000,))
    assert operations == 0
    assert moved == 4 * 2000


def test_a_loop_counts_as_often_as_it_runs():
    def looped(x, kernel):
        return tf.while_loop(lambda i, _: i < 7, lambda i, h: (i + 1, tf.tanh(h @ kernel)), (0, x))[
            1
        ]

    assert counted(looped, (8, 64), (64, 64))[0] == 7 * 2 * 8 * 64 * 64


@pytest.mark.parametrize("larger_first", [True, False])
def test_the_cheaper_branch_counts(larger_first):
    def either(x):
        def larger():
            return x @ x @ x

        branches = (larger, lambda: x @ x) if larger_first else (lambda: x @ x, larger)
        return tf.cond(x[0, 0] > 0, *branches)

    assert counted(either, (64, 64))[0] == 2 * 64**3
