"""What only some models can do, for those who train and measure them."""

import abc
import typing


class HasRoundTrip(abc.ABC):
    """Models in which a bijector maps data, or latents, to base noise.

    Attributes:
      round_trip_of: what it maps: "images" that noise makes continuous, "latents", "points".
    """

    @typing.final
    def round_trip(self, x, condition=None):
        """(before, after): what the bijector maps, and the same mapped to the base and back.

        In exact arithmetic the two are equal. Of images, float32 in units of levels, with floor
        (before) = x; of latents and points, these.

        Raises:
          ValueError: if data or conditions are not what the model was built for.
        """
        return self._round_trip(*self._checked(x, condition))

    @abc.abstractmethod
    def _round_trip(self, x, condition):
        """The same of any number of examples."""


class HasInnerLoss(abc.ABC):
    """Models with a parameter group whose loss needs no more of the batch than a code for each row.

    Such a group can take several optimizer steps on parts of a batch for one pass through the rest.
    """

    @typing.final
    def loss_terms_and_codes(self, x, seed, training):
        """(`loss_terms`, {group: codes [batch, ...], without gradient}); errors as of it."""
        return self._loss_terms_and_codes(self._checked(x, in_graph=False)[0], seed, training)

    @abc.abstractmethod
    def _loss_terms_and_codes(self, x, seed, training):
        """The same."""

    @abc.abstractmethod
    def inner_loss(self, group, codes, seed):
        """What `group` minimises, in training mode, for rows of its codes: [rows], in nats."""
