"""Solutions of linear systems, with gradients that need no derivative of the solver."""

import tensorflow as tf


def solve_linear(apply, solve, solve_transposed, kernel, u):
    """The solution y of A(K) y = u, differentiable in the kernel K and in u.

    With g = ∂L/∂y the gradients are ∂L/∂u = A⁻ᵀ g, one more solve, and ∂L/∂K, which is that of
    -⟨A⁻ᵀ g, A(K) y⟩ with y held fixed. Loops in the solvers are never differentiated, and their
    steps are not kept.

    Args:
      apply: function (kernel, y) to A y, differentiable in the kernel.
      solve: function u to A⁻¹ u.
      solve_transposed: function g to A⁻ᵀ g.
      kernel: K, a tensor; the solvers must not depend on any variable but through it.
      u: the right-hand side.
    """

    @tf.custom_gradient
    def solved(kernel, u):
        y = solve(u)

        def gradients(upstream):
            of_u = solve_transposed(upstream)
            with tf.GradientTape() as tape:
                tape.watch(kernel)
                again = apply(kernel, y)
            return tape.gradient(again, kernel, output_gradients=-of_u), of_u

        return y, gradients

    return solved(kernel, u)
