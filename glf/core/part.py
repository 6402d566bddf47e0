"""Models and their parts as Keras objects: documentation, building, copies."""

import abc
import copy
import inspect
import random

import keras
import numpy as np

_INSTEAD = {
    "compile": "Training has no need of it: glf.train takes the optimizers.",
    "fit": "glf.train trains a model, with its own loop, checkpoints and logs.",
    "evaluate": "glf.evaluate measures a model on a split.",
    "predict": "Its methods (sample, log_prob, encode, ...) take whole arrays.",
    "get_config": "Its parts are given by factories, which no configuration of Keras holds. "
    "copy.deepcopy copies it with its weights, save_weights and load_weights keep these in a "
    "file, glf.load_run opens a trained run, glf.export_model writes a SavedModel.",
    "save": "save_weights keeps the weights in a file, glf.export_model writes a SavedModel, and "
    "a run of glf.train is opened by glf.load_run.",
    "export": "glf.export_model writes a SavedModel.",
}


class Documented(abc.ABCMeta):
    """The type of classes whose documentation is their own.

    `dir` of such a class, and so `help` and the completion of names, lists what this package has
    written, and not the hundreds of names that come from Keras.
    """

    def __dir__(cls):
        ours = (
            vars(c) for c in cls.__mro__ if not c.__module__.startswith(("keras", "tensorflow"))
        )
        return sorted({name for names in ours for name in names})


class Part(metaclass=Documented):
    """A Keras object that can be copied, and is built by its first input where it was not before.

    `copy.deepcopy` makes the object anew of what it was made of, with weights of its own and the
    same values. What no configuration can hold says so by its name.
    """

    def __new__(cls, *args, **kwargs):
        """Notes what the object is made of."""
        made = super().__new__(cls, *args, **kwargs)
        # Past Keras, which would take layers among the arguments for parts of this one.
        made.__dict__["_made_of"] = (args, kwargs)
        return made

    def __call__(self, *args, **kwargs):
        """Keras' way in: `call`, with the shapes of the first arguments built if need be."""
        if not self.built:
            named = inspect.signature(self.call).bind(*args, **kwargs).arguments
            first = next(iter(named.values()))
            if not hasattr(first, "shape"):
                raise ValueError(
                    f"{type(self).__name__} is called with one tensor, got {type(first).__name__}. "
                    "A bijector gives the pair (u, log|det du/dy|): put several into one Chain."
                )
            condition = named.get("condition")
            shapes = [None if t is None else (None, *t.shape[1:]) for t in (first, condition)]
            self.build(*shapes)
        return super().__call__(*args, **kwargs)

    def __deepcopy__(self, memo):
        """Another object of the same parts, with weights of its own."""
        state = random.getstate(), np.random.get_state()
        try:
            args, kwargs = copy.deepcopy(self._made_of, memo)
            made = memo[id(self)] = type(self)(*args, **kwargs)
            if self.built and not made.built:
                made.build(**self._build_shapes_dict)
        finally:
            random.setstate(state[0])
            np.random.set_state(state[1])
        _copy_weights(self, made)
        return made

    def __reduce__(self):
        """Not of these objects: see `get_config`."""
        raise ValueError(
            f"A {type(self).__name__} cannot be pickled or copied flat. {_INSTEAD['get_config']}"
        )

    def get_config(self):
        """Not of these objects: copy.deepcopy copies them, save_weights keeps their weights."""
        raise ValueError(f"{type(self).__name__} has no get_config. {_INSTEAD['get_config']}")


def instead(name):
    """A method `name` of Keras models that says what to use in its place."""

    def method(self, *args, **kwargs):
        raise ValueError(f"{type(self).__name__} has no {name}. {_INSTEAD[name]}")

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"Not of these models. {_INSTEAD[name]}"
    return method


def made_by(factory, where, *positional, **arguments):
    """What `factory` makes, called with the arguments given.

    Args:
      factory: a class or another function, such as a `functools.partial` or a lambda.
      where: the argument that it was given as, "Flow.make_bijector", for the message.

    Raises:
      ValueError: if it is an object made already: every model has parts of its own.
    """
    if isinstance(factory, keras.layers.Layer) or not callable(factory):
        name = getattr(factory, "name", None) or repr(factory)
        raise ValueError(
            f"{where} is a factory, called without what it makes being there yet; got "
            f"{type(factory).__name__} {name!r}. Give its class, functools.partial(class, ...), or "
            f"lambda: {type(factory).__name__}(...)."
        )
    return factory(*positional, **arguments)


def _copy_weights(old, new):
    shared = {id(w) for w in old.variables} & {id(w) for w in new.variables}
    if shared or len(old.variables) != len(new.variables):
        raise ValueError(
            f"{type(old).__name__} cannot be copied: its factories give parts that exist already, "
            "or other ones at every call."
        )
    for layer, twin in zip(old._flatten_layers(), new._flatten_layers(), strict=True):
        if layer.trainable != twin.trainable:
            twin.trainable = layer.trainable
    for weight, twin in zip(old.variables, new.variables, strict=True):
        twin.assign(weight)
