"""Gradients of a solved triangular system by the implicit function theorem."""

import dataclasses

import tensorflow as tf


def with_implicit_gradient(solve, system):
    """What `solve` gives of a `System`, with gradients for its image and log-derivatives.

    At the solution v = g(v; w), l = h(v; w), with w the inputs and weights and J = ∂g/∂v, for
    gradients a of v and b of l:

      λ = a + (∂h/∂v)ᵀ b + Jᵀ λ          gradient of w = (∂g/∂w)ᵀ λ + (∂h/∂w)ᵀ b

    J is strictly triangular, so that repeating the first equation settles after at most P passes.
    The gradient depends on the solution alone, not on the way to it, and takes the memory of one
    pass.
    """
    about = ()

    @tf.custom_gradient
    def solved(*inputs):
        nonlocal about
        image, log_derivative, *about = solve(dataclasses.replace(system, inputs=inputs))

        def gradient(*upstream, variables=None):
            of_inputs, of_weights = _gradients(system, image, inputs, variables or (), upstream)
            return of_inputs if variables is None else (of_inputs, of_weights)

        return (image, log_derivative), gradient

    image, log_derivative = solved(*system.inputs)
    return image, log_derivative, *(tf.stop_gradient(each) for each in about)


def _gradients(system, image, inputs, weights, upstream):
    """(of the inputs, of the weights), where nothing depends on one zeros."""
    image = tf.stop_gradient(image)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([image, *inputs])
        new, log_derivative = dataclasses.replace(system, inputs=inputs).once(image)

    def pulled(outputs, wanted, values):
        return tape.gradient(
            outputs, wanted, values, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )

    of_image, of_log_derivative = upstream
    direct = of_image + pulled(log_derivative, image, of_log_derivative)
    adjoint = _settled(lambda value: direct + pulled(new, image, value), direct, system.num_places)
    wanted = [*inputs, *weights]
    found = pulled([new, log_derivative], wanted, [adjoint, of_log_derivative])
    return found[: len(inputs)], found[len(inputs) :]


def _settled(function, start, passes):
    """Repeats `function` until its value stays as it is, at most `passes` times."""

    def once_more(value, changing):
        new = function(value)
        return new, tf.reduce_any(new != value)

    return tf.while_loop(
        lambda value, changing: changing,
        once_more,
        (start, tf.constant(True)),
        maximum_iterations=passes,
        parallel_iterations=1,
    )[0]
