"""Learned square matrices in factors, so that the determinant is a product."""

import keras
import numpy as np
import tensorflow as tf

from glf.core.traced_once import traced_once, values
from glf.layers.complex_inverse import log_abs_det_and_inverse
from glf.layers.plane_groups import plane_group


def plu_weights(layer, size):
    """Weights of `layer` that start as the factors of a random orthogonal matrix of this size.

    Returns (row, lower, upper, sign, log_scale): see `plu_factors`.
    """
    with tf.init_scope():
        start = keras.initializers.Orthogonal()((size, size), layer.compute_dtype).numpy()
    import scipy.linalg  # slow to import, needed only here

    row, lower, upper = scipy.linalg.lu(start, p_indices=True)
    diagonal = upper.diagonal()

    def weight(name, value, **kwargs):
        def start(shape, dtype):
            return tf.cast(value, dtype)

        return layer.add_weight(name=name, shape=value.shape, initializer=start, **kwargs)

    fixed = {"trainable": False, "dtype": "int64"}
    return (
        weight("row", row, **fixed),
        weight("lower", lower),
        weight("upper", upper),
        weight("sign", tf.sign(diagonal), **fixed),
        weight("log_scale", tf.math.log(tf.abs(diagonal))),
    )


def plu_factors(row, lower, upper, sign, log_scale):
    """P, L with ones on its diagonal, and U + diag(sign exp(log_scale)).

    Row i of P L is row `row[i]` of L. Of `lower` and `upper` only what is strictly below and above
    the diagonal counts.
    """
    dtype, size = log_scale.dtype, log_scale.shape[0]
    index = np.arange(size, dtype=np.int32)
    rows, columns = tf.constant(index[:, None]), tf.constant(index)
    eye = tf.cast(tf.equal(rows, columns), dtype)
    # Masks and not `set_diag`, whose gradient is many more operations.
    lower = lower * tf.cast(rows > columns, dtype) + eye
    diagonal = tf.cast(sign, dtype) * tf.exp(log_scale)
    upper = upper * tf.cast(rows < columns, dtype) + eye * diagonal
    return tf.one_hot(row, size, dtype=dtype), lower, upper


class _Matrix(keras.layers.Layer):
    """A square matrix made of weights, and its inverse: made anew, or once, see `kept_kernels`."""

    kept = None

    def make_kernel(self):
        """(W, W⁻¹) of the present weights."""
        return self._matrix(), self._inverse()

    def matrix(self):
        """W."""
        return self._matrix() if self.kept is None else self.kept[0].value()

    def inverse(self):
        """W⁻¹."""
        return self._inverse() if self.kept is None else self.kept[1].value()


class PLUMatrix(_Matrix):
    """W = P L (U + diag(σ exp(s))), log|det W| = Σ s (Kingma, Dhariwal 2018, "Glow", eq. 10).

    P is a fixed permutation, L lower triangular with ones on its diagonal, U strictly upper
    triangular, σ fixed signs. W starts as a random rotation or reflection. L, U and s are learned.

    Args:
      size: number of rows and columns.
    """

    def __init__(self, size, *, dtype="float32"):
        super().__init__(dtype=dtype)
        weights = plu_weights(self, size)
        self.row, self.lower, self.upper, self.sign, self.log_scale = weights
        self.built = True

    def _values(self):
        return values(self.row, self.lower, self.upper, self.sign, self.log_scale)

    def _matrix(self):
        """W."""
        return _plu_matrix(*self._values())

    def _inverse(self):
        """W⁻¹, by two triangular solves."""
        return _plu_inverse(*self._values())

    def log_abs_det(self):
        """log|det W|, a scalar in float64."""
        return tf.reduce_sum(tf.cast(self.log_scale.value, tf.float64))


class QRMatrix(_Matrix):
    """W = Q (R + diag(exp(s))), log|det W| = Σ s.

    Q = H_1 ... H_n is a product of as many reflections H = I - 2 v vᵀ / |v|² as W has rows, R
    strictly upper triangular (Hoogeboom, van den Berg, Welling 2019, "Emerging Convolutions for
    Generative Normalizing Flows"). Unlike the permutation of PLU, all of Q is learned. W starts
    as Q with random v.

    Args:
      size: n, the number of rows and columns.
    """

    def __init__(self, size, *, dtype="float32"):
        super().__init__(dtype=dtype)
        self.vectors = self.add_weight(
            name="vectors",
            shape=(size, size),
            initializer=keras.initializers.RandomNormal(stddev=1.0),
        )
        self.upper = self.add_weight(name="upper", shape=(size, size), initializer="zeros")
        self.log_scale = self.add_weight(name="log_scale", shape=(size,), initializer="zeros")
        self.built = True

    def _matrix(self):
        """W."""
        return _qr_matrix(*values(self.vectors, self.upper, self.log_scale))

    def _inverse(self):
        """W⁻¹, by a triangular solve."""
        return _qr_inverse(*values(self.vectors, self.upper, self.log_scale))

    def log_abs_det(self):
        """log|det W|, a scalar in float64."""
        return tf.reduce_sum(tf.cast(self.log_scale.value, tf.float64))


class FullMatrix(_Matrix):
    """W itself as the weight, near the identity at the start: I + 0.001 ε, ε ~ N(0, 1).

    As in the program of Flow++ (Ho, Chen, Srinivas, Duan, Abbeel 2019). Its determinant costs an
    elimination, in float64; nothing keeps W from being singular but that the log-determinant falls
    to -∞ there.

    Args:
      size: number of rows and columns.
    """

    def __init__(self, size, *, dtype="float32"):
        super().__init__(dtype=dtype)
        noise = keras.initializers.RandomNormal(stddev=1e-3)
        self.entries = self.add_weight(
            name="entries",
            shape=(size, size),
            initializer=lambda shape, dtype: noise(shape, dtype) + tf.eye(size, dtype=dtype),
        )
        self.built = True

    def _matrix(self):
        """W."""
        return tf.convert_to_tensor(self.entries.value)

    def _inverse(self):
        """W⁻¹, by elimination."""
        return _full_inverse(self.matrix())

    def log_abs_det(self):
        """log|det W|, a scalar in float64."""
        return _full_log_abs_det(self.matrix())


class GroupMatrix(FullMatrix):
    """W of blocks W_gh = w_{g⁻¹ h} for the elements g and h of a group.

    It commutes with the group: it mixes the channels of group features, see
    `glf.layers.plane_groups`, so that what is mixed are group features again. The weights are the
    blocks w, of which w_e, of the identity, starts as a random rotation or reflection, and the
    others near 0, as 0.001 ε. Determinant and inverse are those of `FullMatrix`.

    Args:
      size: number of rows and columns, a multiple of the group's order.
      group: name of the group.

    Raises:
      ValueError: if it is none.
    """

    def __init__(self, size, group="p4", *, dtype="float32"):
        keras.layers.Layer.__init__(self, dtype=dtype)
        self.group = plane_group(group)
        order = self.group.order
        if size % order:
            raise ValueError(
                f"A matrix of features of {group} has a multiple of {order} rows, got {size}; a "
                'squeeze of order "p4_image" makes such features of an image.'
            )
        shape = (order, size // order, size // order)
        self.blocks = self.add_weight(name="blocks", shape=shape, initializer=_near_identity)
        self.built = True

    def _matrix(self):
        """W."""
        blocks, order = tf.unstack(tf.convert_to_tensor(self.blocks.value)), self.group.order
        products, inverses = self.group.products, self.group.inverses
        rows = [
            tf.concat([blocks[products[inverses[g], h]] for h in range(order)], axis=1)
            for g in range(order)
        ]
        return tf.concat(rows, axis=0)


def _near_identity(shape, dtype):
    """Blocks: the first one orthogonal, the others of small numbers."""
    first = keras.initializers.Orthogonal()(shape[1:], dtype)
    noise = keras.initializers.RandomNormal(stddev=1e-3)((shape[0] - 1, *shape[1:]), dtype)
    return tf.concat([first[None], noise], axis=0)


@traced_once
def _full_log_abs_det(matrix):
    return _eliminated(matrix)[0]


@traced_once
def _full_inverse(matrix):
    @tf.custom_gradient
    def inverse_of(matrix):
        inverse = tf.cast(_eliminated(matrix)[1], matrix.dtype)
        # d(W⁻¹) = -W⁻¹ dW W⁻¹.
        back = tf.transpose(inverse)
        return inverse, lambda upstream: -back @ upstream @ back

    return inverse_of(matrix)


def _eliminated(matrix):
    """log|det W| and W⁻¹ in float64, as precise as the matrix is."""
    log_dets, inverses = log_abs_det_and_inverse(
        tf.cast(matrix, tf.float64)[None], matrix.dtype.name
    )
    return log_dets[0], inverses[0]


@traced_once
def _plu_matrix(*weights):
    permutation, lower, upper = plu_factors(*weights)
    return permutation @ lower @ upper


@traced_once
def _plu_inverse(row, lower, upper, sign, log_scale):
    @tf.custom_gradient
    def inverse_of(permutation, lower, upper):
        right = tf.linalg.triangular_solve(lower, tf.transpose(permutation), lower=True)
        inverse = tf.linalg.triangular_solve(upper, right, lower=False)

        def gradient(upstream):
            # d(W⁻¹) = -W⁻¹ dW W⁻¹. In a function that is traced once the gradient of a triangular
            # solve would be compiled anew at every call, and products are faster.
            back = tf.transpose(inverse)
            of_product = -tf.transpose(permutation) @ back @ upstream @ back
            of_upper = tf.matmul(lower, of_product, transpose_a=True)
            return None, tf.matmul(of_product, upper, transpose_b=True), of_upper

        return inverse, gradient

    return inverse_of(*plu_factors(row, lower, upper, sign, log_scale))


def _qr_factors(vectors, upper, log_scale):
    vectors = vectors / tf.norm(vectors, axis=0, keepdims=True)
    # The compact form of the product, with V = (v_1 ... v_n) normalised (Joffrain et al.
    # 2006): Q = I - V S⁻¹ Vᵀ, S = I/2 + the strictly upper triangle of VᵀV.
    products = tf.matmul(vectors, vectors, transpose_a=True)
    half = tf.fill(products.shape[:1], tf.cast(0.5, products.dtype))
    triangle = tf.linalg.set_diag(tf.linalg.band_part(products, 0, -1), half)
    solved = tf.linalg.triangular_solve(triangle, tf.transpose(vectors), lower=False)
    rotation = tf.eye(products.shape[0], dtype=products.dtype) - vectors @ solved
    return rotation, tf.linalg.set_diag(tf.linalg.band_part(upper, 0, -1), tf.exp(log_scale))


def _qr_matrix(*weights):
    rotation, upper = _qr_factors(*weights)
    return rotation @ upper


def _qr_inverse(*weights):
    rotation, upper = _qr_factors(*weights)
    return tf.linalg.triangular_solve(upper, tf.transpose(rotation), lower=False)
