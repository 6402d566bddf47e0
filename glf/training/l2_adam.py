"""Adam with coupled weight decay, whose small weights can be updated all at once."""

import types

import keras
import tensorflow as tf

from glf.training.packs import Pack, joined, small


class L2Adam(keras.optimizers.Adam):
    """Adam whose gradient is g + l2 * w: the coupled weight decay of the published recipes.

    With c_t = sqrt(1 - beta_2^t) / (1 - beta_1^t), step t is

      m += (1 - beta_1) (g - m),  v += (1 - beta_2) (g^2 - v),  w -= rate * c_t * m / (sqrt v + eps)

    One operation a weight does all of it, and what is the same for all weights is made once: Keras
    writes it as thirty a weight, which take a large part of the time in which a step is traced and,
    in a graph without XLA, run.

    Keras' own `weight_decay` is the decoupled one (AdamW), which is another method: it is not
    scaled by Adam's second moment.

    A loop of steps may `pack` it: small weights, most of what flows are made of, are then updated
    all at once, see `packs.py`. Between `load` and `store` their slots lie in the packs, and
    whoever applies gradients calls `settle` after it; the slots that checkpoints hold are right
    outside of that.

    Args:
      l2: how much of each weight is added to its gradient.
      l2_names: names of the weights that decay, the last parts of their paths; None: all do.

    Raises:
      ValueError: in `build`, if no weight has one of the names.
    """

    def __init__(self, *args, l2=0.0, l2_names=None, **kwargs):
        super().__init__(*args, **kwargs)
        self.l2, self.l2_names = l2, l2_names
        self._packs = []

    def build(self, variables):
        """Makes the slots of these weights."""
        super().build(variables)
        known = sorted({variable.name for variable in variables})
        strangers = sorted(set(self.l2_names or ()) - set(known))
        if strangers:
            raise ValueError(
                f"adam.l2_names={self.l2_names!r}: no weight is called {strangers[0]!r}; there are "
                f"{', '.join(known)}."
            )
        every = self.l2_names is None
        # By index: an update is handed the backend's variable, which has another name.
        self._decays = [every or variable.name in self.l2_names for variable in variables]

    def pack(self, largest):
        """Puts weights of at most `largest` numbers into packs, of one type and equally decayed.

        Returns the `Pack`s of weights.
        """
        weights = [variable.value for variable in self._trainable_variables]
        kinds = [(weight.dtype, self._decays[i]) for i, weight in enumerate(weights)]
        for members in small(weights, largest, kinds):
            slots = (self._momentums, self._velocities)
            packs = [Pack([slot[i].value for i in members]) for slot in slots]
            self._packs.append((members, Pack([weights[i] for i in members]), *packs))
        return [weights for _, weights, _, _ in self._packs]

    def load(self):
        """Fills the packs from weights and slots."""
        for _, *packs in self._packs:
            for pack in packs:
                pack.load()

    def settle(self):
        """Gives packed weights the values that the last update gave to their packs."""
        for _, weights, _, _ in self._packs:
            weights.store()

    def skip(self):
        """In place of an update: `settle` will leave all weights as they are."""
        for _, weights, _, _ in self._packs:
            weights.load()

    def store(self):
        """Gives the slots of packed weights the values that their packs have."""
        for _, _, momentums, velocities in self._packs:
            momentums.store()
            velocities.store()

    def apply(self, grads, trainable_variables=None, scale=None):
        """One update of all weights by their gradients, times `scale` if there is one."""
        self._once = types.SimpleNamespace(scalars={}, scale=scale)
        super().apply(grads, trainable_variables)
        self._once = None

    def _backend_update_step(self, grads, trainable_variables, learning_rate):
        """Packs at once, what is in none one by one."""
        packed = set()
        for members, weights, momentums, velocities in self._packs:
            # A forward pass may have set a weight, such as an `ActNorm` its scale.
            weights.load()
            gradient = joined([grads[i] for i in members])
            # What a compiler rounds once it rounds once here too: all that is done to a gradient is
            # done to the pack's.
            gradient = self._final(gradient, weights.held, members[0])
            slots = (momentums.held, velocities.held)
            self._update(weights.held, *slots, gradient, learning_rate)
            packed.update(members)
        left = [i for i in range(len(grads)) if i not in packed]
        if left:
            grads = [grads[i] for i in left]
            trainable_variables = [trainable_variables[i] for i in left]
            super()._backend_update_step(grads, trainable_variables, learning_rate)

    def _scalars(self, learning_rate, dtype):
        """What `ResourceApplyAdam` takes besides variables and gradients, of one type."""
        made = self._once.scalars
        if dtype not in made:
            beta_1, beta_2 = tf.constant(self.beta_1, dtype), tf.constant(self.beta_2, dtype)
            step = tf.cast(self.iterations.value + 1, dtype)
            made[dtype] = {
                "beta1_power": tf.pow(beta_1, step),
                "beta2_power": tf.pow(beta_2, step),
                "lr": tf.cast(learning_rate, dtype),
                "beta1": beta_1,
                "beta2": beta_2,
                "epsilon": tf.constant(self.epsilon, dtype),
            }
        return made[dtype]

    def update_step(self, gradient, variable, learning_rate):
        """One Adam update of `variable`, TensorFlow's, with the decayed gradient."""
        index = self._get_variable_index(variable)
        gradient = self._final(gradient, variable, index)
        slots = (self._momentums[index].value, self._velocities[index].value)
        self._update(variable, *slots, gradient, learning_rate)

    def _final(self, gradient, variable, index):
        """The gradient that an update takes: scaled, decayed, of the type of its weights."""
        if self._once.scale is not None:
            gradient = gradient * self._once.scale
        if self.l2 and self._decays[index]:
            gradient = gradient + self.l2 * tf.cast(variable, gradient.dtype)
        return tf.cast(gradient, variable.dtype)

    def _update(self, variable, momentum, velocity, gradient, learning_rate):
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=momentum.handle,
            v=velocity.handle,
            grad=gradient,
            **self._scalars(learning_rate, variable.dtype),
        )
