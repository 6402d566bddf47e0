"""Integer maps one after the other."""

from glf.integer_flows.base import IntegerMap, integer_map
from glf.integer_flows.permutation import Permuted
from glf.layers.track import track


class IntegerChain(IntegerMap):
    """The composition of integer maps, listed from the data to the base.

    Args:
      make_maps: list of factories, each called with `unit=` for every map.
      repeats: how often the list is gone through, at least 1.
      unit: see `IntegerMap`.

    Attributes:
      maps: all of them, from the data to the base.

    Raises:
      ValueError: if there is no list of factories, or they make something else.
    """

    def __init__(self, make_maps=(Permuted,), repeats=1, *, unit=1):
        super().__init__(unit=unit)
        if not isinstance(make_maps, list | tuple) or not make_maps or repeats < 1:
            raise ValueError(
                "IntegerChain needs a list of at least one factory and repeats >= 1, got "
                f"{make_maps!r} and repeats={repeats}."
            )
        makers = [make for _ in range(repeats) for make in make_maps]
        maps = [integer_map(make, "IntegerChain.make_maps", unit) for make in makers]
        self.maps = track(self, "map", maps)

    @property
    def roundings(self):
        """The sum of the maps'."""
        return sum(each.roundings for each in self.maps)

    @property
    def base_shape(self):
        """The last map's."""
        return self.maps[-1].base_shape

    def build(self, input_shape, condition_shape=None):
        """Builds every map, from the data to the base."""
        super().build(input_shape, condition_shape)
        shape = self.event_shape
        for each in self.maps:
            each.build((None, *shape), condition_shape)
            shape = each.base_shape

    def _forward(self, u, condition, training):
        for each in reversed(self.maps):
            u = each.forward(u, condition, training)
        return u

    def _inverse(self, x, condition, training):
        for each in self.maps:
            x = each.inverse(x, condition, training)
        return x
