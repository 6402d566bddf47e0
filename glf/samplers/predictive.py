"""Predictive sampling: guess ahead, check all guesses in one call, keep what was right."""

import tensorflow as tf

from glf.autoregressive.view import RowsView, WholeView
from glf.core import random
from glf.samplers import guesses
from glf.samplers.base import Draft, Sampler

GUESSES = {
    "own": None,
    "fresh_noise": None,
    "zeros": guesses.zeros,
    "repeat_last": guesses.repeat_last,
    "pixel_above": guesses.pixel_above,
}


def window_rows(height, batch):
    """How many rows a window should have: fewer calls for few images, less arithmetic for many.

    A fourteenth of the rows, at least 2, for fewer than 64 images, and half of that from 64 on:
    what was fastest for small networks on a CPU. `batch` None: not known, taken to be few.
    """
    if batch is None or batch < 64:
        return max(2, round(height / 14))
    return max(1, round(height / 28))


_SHRINK = 4  # a batch shrinks to this part of itself; each size is compiled anew


class Predictive(Sampler):
    """Exact samples in fewer calls (Wiggers and Hoogeboom 2020, arXiv 2002.09928).

    With the noise fixed, sampling is a function x_i = g_i(x_<i). A call computes all g_i(x) of a
    guess x; they are final up to and including the first i at which x_i != g_i(x). What comes
    after is guessed anew. At least one position becomes final in each call, so there are at most d.

    Two things make a call cheap. Rows above the first open position never change again, so with
    `rows` only a window of that many rows is computed, and of what lies above it the few rows of
    activations that convolutions reach up to are kept. And each image has its own window and stops
    by itself: when half of a batch is done the rest moves together, and while more images are asked
    for than `batch` a finished one makes room for the next.

    Args:
      rows: rows of the window; None: the whole image, every call a full pass; "auto": see
        `window_rows`. Rounded up to what the network's alignment asks for.
      guess: "own": the model's own last output, a fixed-point (Jacobi) iteration; "fresh_noise":
        its output decided by other noise; "zeros", "repeat_last", "pixel_above": from what is
        final, see `guesses`.
      forecast: whether the model's forecaster guesses the next positions, as many as its horizon;
        `guess` is used beyond.
      horizon: how many positions T the forecaster guesses, of those it was trained for; more than
        those are not to be had, and `settings` says how many it is. None: all that it was trained
        for. The default is 2, whatever the forecaster was trained for, because farther ahead the
        model's own output was the better guess: on binary MNIST with a forecaster of 20 positions,
        T = 1, 2, 5, 10 and 20 took 5.1, 4.8, 4.8, 5.7 and 8.7 % of d calls, and none 5.8 %.
      batch: how many images are worked on at a time; None: all that are asked for.

    Raises:
      ValueError: for arguments out of range, and when called with `forecast` for a model without
        a forecaster.
    """

    def __init__(self, rows=None, guess="own", forecast=False, horizon=2, batch=None, jit=True):
        if guess not in GUESSES:
            raise ValueError(f"guess is one of {', '.join(GUESSES)}, got {guess!r}.")
        for name, value in (("rows", rows), ("horizon", horizon), ("batch", batch)):
            if value is not None and value != "auto" and value < 1:
                raise ValueError(f"{name} must be at least 1 or None, got {value}.")
        self.rows, self.guess, self.forecast = rows, guess, forecast
        self.horizon, self.batch, self.jit = horizon, batch, jit

    def settings(self, model, num=None):
        """See `Sampler`."""
        options = {}
        if self.rows is not None:
            height, align = model.image_shape[0], model.network.alignment
            rows = self.rows
            if rows == "auto":
                rows = window_rows(height, self.batch or num)
            options["rows"] = min(-(-rows // align) * align, height)
        if self.forecast and model.forecaster is not None:
            trained = model.forecaster.horizon
            options["horizon"] = trained if self.horizon is None else min(self.horizon, trained)
        return options

    def draw(self, model, noise, context, temperature, known):
        """See `Sampler`."""
        if self.forecast and model.forecaster is None:
            raise ValueError(
                "Sampling with forecasts needs a model trained with a forecaster: bind "
                "AutoregressiveModel.make_forecaster = @Forecaster in its configuration."
            )
        search = _Search(self, model, noise, context, temperature, known)
        return search.run()


class _Search:
    """One request: its constants, and the state of the images that are being worked on."""

    def __init__(self, sampler, model, noise, context, temperature, known):
        self.sampler, self.model = sampler, model
        self.noise, self.context = noise, context
        self.temperature, self.known = temperature, known
        self.d, self.row = model.positions, model.row_positions
        self.height = model.image_shape[0]
        settings = sampler.settings(model, noise.shape[0])
        self.align = model.network.alignment
        self.rows = settings.get("rows", self.height)
        self.horizon = settings.get("horizon")
        self.whole = self.rows == self.height
        self.window = self.rows * self.row
        self.num = tf.shape(noise)[0]
        self.flat_noise = tf.reshape(noise, [-1, noise.shape[-1]])

    def run(self):
        """Works on batches that shrink as images are done."""
        n = self.num if self.sampler.batch is None else tf.minimum(self.num, self.sampler.batch)
        state = self._fresh(tf.range(n))
        results = {
            "x": tf.zeros([self.num, self.d, self.model.family.values], tf.int32),
            "calls": tf.zeros([self.num], tf.int32),
            "final_at": tf.zeros([self.num, self.d], tf.int32),
        }
        work = tf.function(self._work, jit_compile=self.sampler.jit or None, autograph=False)

        def more(state, results, next_one):
            return (next_one < self.num) | tf.reduce_any(state["final"] < self.d)

        def stage(state, results, next_one):
            state, results, next_one = work(state, results, next_one)
            return self._shrink(state), results, next_one

        free = tf.nest.map_structure(lambda t: tf.TensorShape([None, *t.shape[1:]]), state)
        kept = tf.nest.map_structure(lambda t: t.shape, results)
        state, results, _ = tf.while_loop(
            more,
            stage,
            (state, results, n),
            shape_invariants=(free, kept, tf.TensorShape([])),
            parallel_iterations=1,
        )
        equivalents = tf.cast(results["calls"], tf.float32) * (self.rows / self.height)
        return Draft(forward_equivalents=equivalents, **results)

    def _work(self, state, results, next_one):
        """Calls until no image waits and only a quarter of the batch, at most, is not done."""
        size = state["final"].shape[0] or tf.shape(state["final"])[0]

        def more(state, results, next_one):
            still = tf.reduce_sum(tf.cast(state["final"] < self.d, tf.int32))
            return (next_one < self.num) | (_SHRINK * still > size)

        def step(state, results, next_one):
            state = self._call(state)
            done = state["final"] >= self.d
            return tf.cond(
                (next_one < self.num) & tf.reduce_any(done),
                lambda: self._refill(state, results, next_one, done),
                lambda: (state, results, next_one),
            )

        state, results, next_one = tf.while_loop(
            more, step, (state, results, next_one), parallel_iterations=1
        )
        return state, self._store(state, results), next_one

    def _fresh(self, ids):
        """The state of images that nothing is known of yet."""
        n = tf.shape(ids)[0]
        x = tf.zeros([n, self.d, self.model.family.values], tf.int32)
        if self.known is not None:
            x = tf.maximum(tf.gather(self.known, ids), 0)
        zero = tf.zeros([n], tf.int32)
        state = {
            "ids": ids,
            "x": x,
            "final": zero,  # how many positions are final
            "start": zero,  # the window's first row
            "shift": zero,  # how far the window moved since the last call
            "calls": zero,
            "final_at": tf.zeros([n, self.d], tf.int32),
            "caches": [tf.zeros([n, *shape], dtype) for shape, dtype in self._cache_specs()],
        }
        if self.context is not None:
            state["context"] = tf.gather(self.context, ids)
        return state

    def _cache_specs(self):
        if self.whole:
            return []
        if not hasattr(self, "_specs"):

            def kept():
                x = tf.zeros([1, self.d, self.model.family.values], tf.int32)
                context = None if self.context is None else self.context[:1]
                view = self._view(x, tf.zeros([1], tf.int32), None, None)
                h = self.model.features(view, context)
                if self.sampler.forecast:
                    self.model.forecaster.hidden(view, h)
                return view.kept

            traced = tf.function(kept, autograph=False).get_concrete_function()
            self._specs = [(t.shape[1:], t.dtype) for t in traced.structured_outputs]
        return self._specs

    def _view(self, x, start, caches, shift):
        images = self.model.to_images(x)
        if self.whole:
            return WholeView(images, self.model.embed)
        return RowsView(images, self.model.embed, start, self.rows, caches, shift)

    def _call(self, state):
        """One call of the model for each image, and what follows from it."""
        model, x, final, start = self.model, state["x"], state["final"], state["start"]
        view = self._view(x, start, state["caches"], state["shift"])
        h = model.features(view, state.get("context"))
        parameters = model.parameters(h)

        # Window coordinates: `places` are the positions of the window in the image.
        places = start[:, None] * self.row + tf.range(self.window)
        noise = tf.gather(self.flat_noise, state["ids"][:, None] * self.d + places)
        guess = self._window(x, places)
        known = None
        if self.known is not None:
            known = self._window(tf.gather(self.known, state["ids"]), places)
        output = model.family.decide(parameters, noise, self.temperature, known)
        wrong = tf.reduce_any(output != guess, -1) & (places >= final[:, None])
        any_wrong = tf.reduce_any(wrong, 1)
        first = tf.where(any_wrong, tf.argmax(wrong, 1, tf.int32), self.window - 1)
        last = start * self.row + first  # the last position that is final now
        now = tf.maximum(last + 1, final)

        ahead = output
        if self.sampler.guess == "fresh_noise":
            seed = random.fold(0, "fresh", tf.reduce_max(state["calls"]))
            other = model.family.noise(tf.unstack(tf.shape(noise))[:2], seed)
            ahead = model.family.decide(parameters, other, self.temperature, known)
            ahead = tf.where((places < now[:, None])[..., None], output, ahead)
        x = self._guessed(self._put(x, ahead, start, final), start, now)
        if self.sampler.forecast:
            x = self._forecast(x, view, h, state["ids"], first, now)
        if self.known is not None:
            known = tf.gather(self.known, state["ids"])
            x = tf.where(known >= 0, known, x)
        return {
            **self._moved(state, now),
            "x": x,
            "caches": [] if self.whole else view.kept,
        }

    def _guessed(self, x, start, now):
        """x with guesses, but the window's own output, of the positions that are not final."""
        fill, positions = GUESSES[self.sampler.guess], tf.range(self.d)
        if fill is not None:
            return tf.where((positions >= now[:, None])[..., None], fill(self.model, x, now), x)
        if self.whole:
            return x
        # Rows the window has not reached yet: like the last row that it has.
        end = start * self.row + self.window
        above = guesses.pixel_above(self.model, x, end)
        return tf.where((positions >= end[:, None])[..., None], above, x)

    def _moved(self, state, now):
        """The state after one more call, with `now` positions final and the window above them."""
        final, positions = state["final"], tf.range(self.d)
        calls = state["calls"] + tf.cast(final < self.d, tf.int32)
        became = (positions >= final[:, None]) & (positions < now[:, None])
        # Rows above the first open position are final, and so is what was kept of them, even where
        # a row's last guess was wrong: features of a pixel depend only on those before it.
        top = now // self.row // self.align * self.align
        top = tf.minimum(top, self.height - self.rows)
        return {
            **state,
            "final": now,
            "start": top,
            "shift": top - state["start"],
            "calls": calls,
            "final_at": tf.where(became, calls[:, None], state["final_at"]),
        }

    def _window(self, values, places):
        if self.whole:
            return values
        return tf.gather(values, places, axis=1, batch_dims=1)

    def _put(self, x, window, start, final):
        """x with the window's values from position `final` on."""
        positions = tf.range(self.d)
        offset = positions - start[:, None] * self.row
        inside = (offset >= 0) & (offset < self.window) & (positions >= final[:, None])
        if not self.whole:
            offset = tf.clip_by_value(offset, 0, self.window - 1)
            window = tf.gather(window, offset, axis=1, batch_dims=1)
        return tf.where(inside[..., None], window, x)

    def _forecast(self, x, view, h, ids, first, now):
        """x with the forecaster's guesses of the positions from `now` on."""
        model, forecaster = self.model, self.model.forecaster
        view.x = model.to_images(x)
        hidden = forecaster.hidden(view, h)
        hidden = tf.gather(hidden, first, axis=1, batch_dims=1)
        horizon = self.horizon
        parameters = forecaster.at(hidden, first % model.groups)[:, :horizon]
        places = now[:, None] + tf.range(horizon)
        inside = tf.minimum(places, self.d - 1)
        noise = tf.gather(self.flat_noise, ids[:, None] * self.d + inside)
        values = model.family.decide(parameters, noise, self.temperature)
        offset = tf.range(self.d) - now[:, None]
        covered = (offset >= 0) & (offset < horizon)
        offset = tf.clip_by_value(offset, 0, horizon - 1)
        return tf.where(covered[..., None], tf.gather(values, offset, axis=1, batch_dims=1), x)

    def _store(self, state, results):
        where = state["ids"][:, None]
        return {
            name: tf.tensor_scatter_nd_update(value, where, state[name])
            for name, value in results.items()
        }

    def _refill(self, state, results, next_one, done):
        """Stores what there is, and begins waiting images in the place of those that are done."""
        results = self._store(state, results)
        ids = next_one + tf.cumsum(tf.cast(done, tf.int32)) - 1
        begins = done & (ids < self.num)
        fresh = self._fresh(tf.where(begins, ids, state["ids"]))

        def choose(new, old):
            return tf.where(tf.reshape(begins, [-1] + [1] * (old.shape.rank - 1)), new, old)

        state = tf.nest.map_structure(choose, fresh, state)
        return state, results, next_one + tf.reduce_sum(tf.cast(begins, tf.int32))

    def _shrink(self, state):
        """A quarter of the batch: the images that are not done, filled up with others."""
        done = tf.cast(state["final"] >= self.d, tf.int32)
        order = tf.argsort(done, stable=True)[: tf.maximum(tf.shape(done)[0] // _SHRINK, 1)]
        return tf.nest.map_structure(lambda t: tf.gather(t, order), state)
