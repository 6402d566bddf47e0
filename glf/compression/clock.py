"""The time that networks take, apart from the coder's."""

import copy
import time


class Clock:
    """Seconds that networks take.

    Args:
      model: an `IntegerModel`, or whatever has `networks`.

    Attributes:
      model: the same, its networks timed.
      seconds: so far.
    """

    def __init__(self, model):
        self.seconds = 0.0
        self.model = copy.copy(model)
        self.model.networks = [_Timed(network, self) for network in model.networks]


class _Timed:
    def __init__(self, network, clock):
        self._network, self._clock = network, clock

    def __getattr__(self, name):
        method = getattr(self._network, name)

        def timed(*arguments):
            start = time.perf_counter()
            y = method(*arguments)
            self._clock.seconds += time.perf_counter() - start
            return y

        return timed
