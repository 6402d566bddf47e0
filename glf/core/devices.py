"""Work in items that the devices of one machine do together: each makes those that come to it."""

import collections
import contextlib
import queue
import threading
from concurrent import futures

import tensorflow as tf

from glf.core.shares import Alone


class Devices(Alone):
    """The devices of a mirrored strategy, each with a thread of this process.

    An item is made as by a replica: on its device, with that device's copies of weights that were
    made in the strategy's scope. Results depend on nothing but the item, so that all of them are
    what one device of the kind would have made.

    Args:
      strategy: a `tf.distribute.MirroredStrategy`.
    """

    def __init__(self, strategy):
        self._strategy = strategy
        self._names = strategy.extended.worker_devices
        self._here, self._free = threading.local(), queue.SimpleQueue()
        for number in range(len(self._names)):
            self._free.put(number)

    @property
    def place(self):
        """The number of the device that makes an item here; None outside of items."""
        return getattr(self._here, "number", None)

    def over(self, name, items, make):
        """As `Alone`'s. What is made within an item is made on its device."""
        if self.place is not None:
            yield from super().over(name, items, make)
            return
        waiting, ahead = collections.deque(), 2 * len(self._names)
        with futures.ThreadPoolExecutor(len(self._names)) as pool:
            try:
                for index, item in enumerate(items()):
                    waiting.append(pool.submit(self._make, make, index, item))
                    if len(waiting) > ahead:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    def _make(self, make, index, item):
        with self._device():
            return make(index, item)

    @contextlib.contextmanager
    def _device(self):
        """What is computed inside the block is computed as a replica's that is free."""
        self._here.number = number = self._free.get()
        replica = tf.distribute.ReplicaContext(self._strategy, number)
        try:
            with replica, tf.device(self._names[number]):
                yield
        finally:
            self._here.number = None
            self._free.put(number)
