"""A small convolutional classifier of a dataset's own labels, trained once and kept."""

import dataclasses

import keras
import numpy as np
import tensorflow as tf
from absl import logging

from glf.core import cache, random
from glf.core.progress import Progress
from glf.extractors.base import Extracted, Extractor

# Of the recipe and the code of this file: what is kept under an earlier one is not used.
VERSION = 1
BATCH, STEPS, EPOCHS, RATE = 128, 2000, 20, 2e-3
WIDTHS, UNITS = (32, 64, 128, 128), 128
SEED = 1905


class Classifier(Extractor):
    """The 128 features before the last layer of a classifier of the dataset's labels.

    3 x 3 convolutions with ReLU, each followed by the maximum over 2 x 2, until a side is at most
    4, four of them at most, of 32, 64, 128 and 128 channels; a dense layer of 128 units, whose
    values after ReLU are the features; logits. Images are x / (levels - 1). Adam minimises the
    cross-entropy of the dataset's own training batches of 128 for 2000 steps or 20 epochs,
    whatever is less, at a rate that falls from 2e-3 to 0 as a cosine; all seeds are fixed. It is
    kept in the cache, see `glf.core.cache`, under the data and this recipe.

    Args:
      dataset: a `Dataset` of images with labels.

    Attributes:
      accuracy: the share of images of the test split, or of the validation split where there is no
        test split, whose label it finds.

    Raises:
      ValueError: if the data have no labels, or those for training all have the same.
    """

    name = "classifier"

    def __init__(self, dataset):
        super().__init__(dataset.spec)
        if dataset.spec.num_classes is None:
            raise ValueError(
                f"The classifier is made of labels, and {dataset.name} has none; choose "
                "squeezenet:PATH, inception, keras:NAME or pixels as feature_extractor."
            )
        self.classes = f"{dataset.spec.num_classes} labels of {dataset.name}"
        self._network = _network(dataset.spec)
        stored = cache.arrays("classifier", _key(dataset), lambda: self._trained(dataset))
        weights = [stored[f"w{i}"] for i in range(len(self._network.weights))]
        self._network.set_weights(weights)
        self.accuracy = float(stored["accuracy"])
        self.fingerprint = cache.digest(VERSION, *weights)
        self.about = (
            f"{UNITS} units of a convolutional classifier of the labels of {dataset.name}, right "
            f"on {100 * self.accuracy:.2f} % of {int(stored['judged'])} unseen images"
        )

        @tf.function(input_signature=[tf.TensorSpec([None, *self.spec.shape], tf.float32)])
        def outputs(y):
            features, logits = self._network(y)
            return features, tf.nn.softmax(logits)

        self._outputs = outputs

    def _extract(self, images):
        return Extracted(*(part.numpy() for part in self._outputs(self._unit(images))))

    def _trained(self, dataset):
        """{name: array}: weights, accuracy, and of how many images that is."""
        _train(self._network, dataset)
        split = "test" if dataset.num_examples("test") else "validation"
        right = []
        for batch in dataset.eval_batches(split, self.rows):
            _, logits = self._network(tf.cast(batch["x"], tf.float32) / (self.spec.levels - 1))
            right.extend(np.argmax(logits, axis=1) == batch["label"].numpy())
        accuracy = float(np.mean(right)) if right else np.nan
        logging.info("Classifier of %s: accuracy %.4f (%s).", dataset.name, accuracy, split)
        weights = {f"w{i}": w for i, w in enumerate(self._network.get_weights())}
        return {**weights, "accuracy": np.float64(accuracy), "judged": np.int64(len(right))}


def _network(spec):
    """A Keras model from images in [0, 1] to features and logits, with fixed first weights."""

    def begin(kind, number):
        seed = random.numpy_generator(SEED, kind, number).integers(2**31)
        return keras.initializers.HeUniform(seed=int(seed))

    image = h = keras.Input(spec.shape)
    for number, width in enumerate(WIDTHS):
        if number and min(h.shape[1:3]) <= 4:
            break
        conv = keras.layers.Conv2D(
            *(width, 3),
            padding="same",
            activation="relu",
            kernel_initializer=begin("convolution", number),
            dtype="float32",
        )
        h = keras.layers.MaxPooling2D(2, padding="same", dtype="float32")(conv(h))
    h = keras.layers.Flatten(dtype="float32")(h)
    dense = keras.layers.Dense(
        UNITS, activation="relu", kernel_initializer=begin("dense", 0), dtype="float32"
    )
    features = dense(h)
    last = keras.layers.Dense(
        spec.num_classes, kernel_initializer=begin("logits", 0), dtype="float32"
    )
    return keras.Model(image, [features, last(features)])


def _key(dataset):
    """A digest of the data as training sees them, and of the recipe."""
    first = next(iter(dataset.train_batches(BATCH, SEED, num_steps=1)))
    recipe = [VERSION, BATCH, STEPS, EPOCHS, RATE, WIDTHS, UNITS, SEED]
    spec = dataclasses.asdict(dataset.spec)
    return cache.digest(dataset.record(), spec, recipe, first["x"].numpy(), first["label"].numpy())


def _train(network, dataset):
    """Minimises the cross-entropy; says how far it is."""
    num = dataset.num_examples("train")
    labels = {int(label) for label in dataset.examples("train", slice(0, 10_000))["label"]}
    if len(labels) < 2:
        raise ValueError(f"All training images of {dataset.name} have one label, {labels}.")
    steps = min(STEPS, max(1, EPOCHS * num // BATCH))
    logging.info(
        "A classifier of the labels of %s is trained, once: %d steps.", dataset.name, steps
    )
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(RATE, steps))
    optimizer.build(network.trainable_variables)

    @tf.function
    def step(x, label):
        with tf.GradientTape() as tape:
            _, logits = network(tf.cast(x, tf.float32) / (dataset.spec.levels - 1))
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(label, logits)
            loss = tf.reduce_mean(losses)
        weights = network.trainable_variables
        optimizer.apply(tape.gradient(loss, weights), weights)
        return loss

    progress = Progress(f"Classifier of {dataset.name}, steps", steps)
    for done, batch in enumerate(dataset.train_batches(BATCH, SEED, num_steps=steps)):
        step(batch["x"], batch["label"])
        progress.at(done)
