"""Conditions of models: nothing, or what a condition encoder makes of a batch."""

from glf.core.part import made_by


class TakesCondition:
    """What every model says of its condition, through its encoder.

    Attributes:
      condition_encoder: the `ConditionEncoder`; None: the model takes no condition.
    """

    condition_encoder = None

    @property
    def condition_kind(self):
        """What the conditions are: the encoder's kind, "label", "image" or "paired", or None."""
        return None if self.condition_encoder is None else self.condition_encoder.kind

    @property
    def condition_spec(self):
        """The `tf.TensorSpec` of a batch of conditions, or None."""
        return None if self.condition_encoder is None else self.condition_encoder.condition_spec

    @property
    def reads(self):
        """The names of what the model needs of a batch: "x", and what conditions are made of.

        Raises:
          ValueError: if it conditions on something that its data does not have.
        """
        name = None if self.condition_encoder is None else self.condition_encoder.reads
        if name in (None, "x"):
            return ("x",)
        has = {"label": self.spec.num_classes, "condition": self.spec.condition_shape}
        if has[name] is None:
            raise ValueError(f"{self._lacking(name)}, or a model without condition.")
        return ("x", name)

    def condition_of(self, batch):
        """What a batch of data, {"x", "label", "condition"}, is conditioned on, or None.

        Raises:
          ValueError: if the model conditions on something that the batch does not have.
        """
        if self.condition_encoder is None:
            return None
        name = self.condition_encoder.reads
        if batch.get(name) is None:
            raise ValueError(f"{self._lacking(name)}.")
        return self.condition_encoder.condition_of(batch)

    def _take_condition(self, make_encoder, spec):
        """Makes the encoder, where one is to be made, for what `spec` describes.

        Returns the shape of its contexts, or None.
        """
        if make_encoder is None:
            return None
        name = f"{type(self).__name__}.make_condition_encoder"
        self.condition_encoder = made_by(make_encoder, name, spec)
        return self.condition_encoder.context_shape

    def _context(self, condition):
        """What the encoder makes of conditions, once for all parts; None without them."""
        return None if condition is None else self.condition_encoder.encode(condition)

    def _lacking(self, name):
        what, where = {
            "label": ("labels", "with labels (for a folder, make_dataset.labels)"),
            "condition": ("paired images", 'of pairs (make_dataset.source = "pairs:PATH")'),
        }[name]
        return (
            f"This {type(self).__name__} is conditioned on {what}, and its data has none. Take a "
            f"dataset {where}"
        )
