"""What networks should see, found by counting pixels and without running them.

Each function gives a bool matrix [d, d]: whether position i (the row) depends on position j. The
positions of an image (height, width) of `groups` positions a pixel come in raster order.
"""

import numpy as np


def places(image_shape, groups):
    height, width = image_shape[:2]
    r, c, g = np.meshgrid(np.arange(height), np.arange(width), np.arange(groups), indexing="ij")
    return r.ravel(), c.ravel(), g.ravel()


def before(image_shape, groups):
    """Everything that comes before."""
    d = image_shape[0] * image_shape[1] * groups
    return np.arange(d)[:, None] > np.arange(d)


def convolution(image_shape, groups, above, side, mask):
    """One masked convolution."""
    r, c, _ = places(image_shape, groups)
    down = r[:, None] - r
    right = c[:, None] - c
    near = (down >= 0) & (down <= above) & (np.abs(right) <= side)
    order = before(image_shape, groups)
    return near & (order if mask == "A" else order | np.eye(len(r), dtype=bool))


def chain(*steps):
    """One step after another, the first one applied to the data."""
    seen = steps[0]
    for step in steps[1:]:
        seen = step.astype(int) @ seen.astype(int) > 0
    return seen


def residual(step):
    return step | np.eye(len(step), dtype=bool)


def pixel_cnn(image_shape, groups, first_kernel, kernel, blocks):
    first = convolution(image_shape, groups, first_kernel // 2, first_kernel // 2, "A")
    own = convolution(image_shape, groups, 0, 0, "B")
    block = convolution(image_shape, groups, kernel // 2, kernel // 2, "B")
    return chain(first, *[residual(chain(own, block, own))] * blocks, own)


def row_lstm(image_shape, groups, first_kernel, kernel, layers):
    first = convolution(image_shape, groups, first_kernel // 2, first_kernel // 2, "A")
    of_input = convolution(image_shape, groups, 0, kernel // 2, "B")
    own = convolution(image_shape, groups, 0, 0, "B")
    r, c, _ = places(image_shape, groups)
    of_state = (r[:, None] - r == 1) & (np.abs(c[:, None] - c) <= kernel // 2)
    lstm = of_input
    for _ in range(image_shape[0]):
        lstm = of_input | chain(lstm, of_state)
    return chain(first, *[residual(chain(lstm, own))] * layers, own)


def wavenet(image_shape, groups, field):
    """The last `field` times, and of the own time the groups before."""
    t, _, _ = places(image_shape, groups)
    return before(image_shape, groups) & (t[:, None] - t <= field)
