"""The compiled training step: gradients, clipping, one optimizer a parameter group, averages."""

import contextlib
import functools

import numpy as np
import tensorflow as tf

from glf.core import device, random
from glf.core.fused import as_traced, for_xla_on_cpu, fusing
from glf.training import packs
from glf.training.batch_parts import in_parts
from glf.training.clipping import apply_gradients, norms_of
from glf.training.l2_adam import L2Adam
from glf.training.loss_scale import STATES, LossScale
from glf.training.moving_average import MovingAverage
from glf.training.replicas import GuardedStep, first_of, own_seed
from glf.training.stages import check_stages, frozen, stage_of
from glf.training.step_checks import (
    check_gradients,
    check_groups,
    check_parts,
    check_updates,
)


class Stepper:
    """Runs training steps, several per call.

    On one device the joint step of all groups, and an update that a group takes on its own, are
    each one XLA program, run from a loop in an ordinary graph: the fastest arrangement that also
    gives the same bits in every run. In mixed bfloat16 on a CPU, where XLA's products gain nothing
    from bfloat16, the joint gradient is computed by the graph's own kernels, and only the
    optimizers and what a model marks as `fused` are XLA. In mixed float16 the loss of the joint
    gradient is scaled, see `LossScale`; what groups take on their own is float32. On several
    replicas each computes the gradient of its share of the batch, the gradients are summed over
    replicas, and the optimizers apply them on each, or skip the step together. Each stage of
    training is compiled for itself. On one device small weights are updated and averaged in packs,
    see `packs.py`. A batch that is gone through in parts has its gradient computed by one program,
    called for each part with the sums of those before it; then the optimizers are a program.

    Args:
      model: a built `GenerativeModel`.
      experiment: the `Experiment`, of which it takes batch size, seed, optimizers, updates of
        single groups, stages, parts of batches, clipping and moving average. In each training
        step a group that `updates_per_step` names takes n optimizer steps, each on its own n-th
        part of each replica's share of the batch, after the others; the model must be a
        `HasInnerLoss`.
      execution: the `Execution`.
      strategy: a `tf.distribute.Strategy`; None: the one in whose scope this is.

    Attributes:
      optimizers: {group: Keras optimizer}, the model's parameter groups exactly.
      average: a `MovingAverage` or None.
      loss_scale: a `LossScale` or None.

    Raises:
      ValueError: if the optimizers or stages are not for the model's groups, if the groups are not
        every trainable weight once, or if updates or parts cannot be had of this model and batch
        size.
    """

    def __init__(self, model, experiment, execution, strategy=None):
        self.model = model
        self.inputs = model.reads
        self.groups = model.parameter_groups()
        self.optimizers = experiment.make_optimizers(self.groups)
        check_groups(model, self.groups, self.optimizers)
        self.batch_size = experiment.batch_size
        self.seed = random.make_seed(experiment.seed)
        self.clip_norm = experiment.clip_norm
        self.strategy = strategy or tf.distribute.get_strategy()
        self.replicas = self.strategy.num_replicas_in_sync
        self.updates = experiment.updates_per_step or {}
        self.parts = experiment.batch_parts
        check_parts(self.batch_size, self.replicas, self.parts)
        share = self.batch_size // self.replicas
        check_updates(model, self.groups, self.updates, share)
        self.stages = experiment.make_stages()
        check_stages(self.stages, self.groups, type(model).__name__)
        decay, self.average = experiment.moving_average, None
        with self.strategy.scope():
            if decay is not None:
                self.average = MovingAverage(model, decay)
            self.step = tf.Variable(0, dtype=tf.int64, trainable=False, name="step")
            for group, optimizer in self.optimizers.items():
                optimizer.build(self.groups[group])
                # Keras would sum over replicas once more what `_summed` has summed for norms.
                optimizer._all_reduce_sum_gradients = list
            self.loss_scale = LossScale() if execution.precision == "mixed_float16" else None
        self._packed = self._pack() if self.replicas == 1 else []
        self._jit = execution.jit and self.replicas == 1
        low = execution.precision != "float32"
        graph_gradient = self._jit and low and not device.has_gpu()
        self._fusing = fusing if graph_gradient else contextlib.nullcontext
        xla_on_cpu = self._jit and not graph_gradient and not device.has_gpu()
        self._writing = for_xla_on_cpu if xla_on_cpu else contextlib.nullcontext
        is_apart = graph_gradient or self.parts > 1
        # Of a loop around XLA programs there is nothing to rewrite.
        self._calling = as_traced if self._jit and not is_apart else contextlib.nullcontext
        apply = self._apply if self.loss_scale is None else self._apply_scaled
        self._apply_joint = self._program(apply) if is_apart else apply
        self._joint, self._own, self._many = [], [], []
        for stage in self.stages:
            part = self._part if self.parts == 1 else self._traced_part(graph_gradient)
            scaled = self.loss_scale is not None and self.replicas > 1
            joint = self._scaled_gradients if scaled else self._joint_step
            joint = functools.partial(joint, part, stage)
            self._joint.append(joint if is_apart else self._program(joint))
            own = {g: functools.partial(self._own_step, stage, g) for g in self.updates}
            own = {g: self._settled(step, g) for g, step in own.items() if stage.has(g)}
            self._own.append(own)
            # Without autograph, tracing a flow of many layers takes a fraction of the time.
            many = functools.partial(self._loop, len(self._many))
            self._many.append(tf.function(many, autograph=False))
        self._move_average = self._program(self.average.update) if decay is not None else None

    def _pack(self):
        """Puts small weights, slots and averages into packs; returns what has packs."""
        mine = [each for each in self.optimizers.values() if isinstance(each, L2Adam)]
        trained = [pack for optimizer in mine for pack in optimizer.pack(packs.LARGEST)]
        if self.average is None:
            return mine
        self.average.pack(trained, packs.LARGEST)
        return [*mine, self.average]

    def trace(self, iterator):
        """Makes the graph of steps of the stage that is next; `run` would do it by itself."""
        index = stage_of(self.stages, int(tf.convert_to_tensor(self.step)))
        self._many[index].get_concrete_function(iterator, tf.constant(1, tf.int32))

    def run(self, iterator, count):
        """Takes `count` steps with the next batches of `iterator`.

        Returns {name: float array [count]}: the mean of each loss term over the batch and the
        gradient norm of each group before clipping, step by step: 0 where a group is out of its
        stage.
        """
        parts, step = [], int(tf.convert_to_tensor(self.step))
        while count:
            index = stage_of(self.stages, step)
            left = self.stages[index].stop - step
            now = min(count, left) if left > 0 else count
            with self._calling():
                results = self._many[index](iterator, tf.constant(now, tf.int32))
            parts.append({name: value.numpy() for name, value in results.items()})
            step, count = step + now, count - now
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def initialize(self, batch):
        """One pass in training mode that changes only what a model sets itself from data.

        Returns the loss, a float: the mean over the batch, or over one replica's share of it.
        """
        batch = {name: batch[name] for name in self.inputs}
        seed = random.fold(self.seed, "initialization")
        if self.replicas == 1:
            return float(self._program(self._initial_pass)(batch, seed))

        @functools.partial(tf.function, autograph=False)
        def on_all(batch):
            return self.strategy.run(self._initial_pass, args=(batch, seed))

        return float(self.strategy.experimental_local_results(on_all(batch))[0])

    def _initial_pass(self, batch, seed):
        seed = own_seed(seed, self.replicas)
        terms = self.model.loss_terms(batch["x"], seed, True, self.model.condition_of(batch))
        return tf.reduce_mean(terms["loss"])

    def _loop(self, index, iterator, count):
        step, names = self._single(index) if self.replicas == 1 else self._replicated(index)
        for each in self._packed:
            each.load()

        def body(i, arrays):
            batch = next(iterator)
            results = step({name: batch[name] for name in self.inputs})
            self.step.assign_add(1)
            return i + 1, [
                array.write(i, results[n]) for n, array in zip(names, arrays, strict=True)
            ]

        arrays = [tf.TensorArray(tf.float32, size=count, element_shape=[]) for _ in names]
        _, arrays = tf.while_loop(lambda i, _: i < count, body, (0, arrays), parallel_iterations=1)
        for each in self._packed:
            each.store()
        return {name: array.stack() for name, array in zip(names, arrays, strict=True)}

    def _single(self, index):
        """The step on one device, compiled on its own, and the names of its results."""
        specs = self._specs(self.batch_size)
        compiled = tf.function(
            lambda batch: self._one_step(index, batch, self.step), autograph=False
        ).get_concrete_function(specs)
        return compiled, sorted(compiled.structured_outputs)

    def _replicated(self, index):
        """The step on all replicas and the names of its results."""
        specs = self._specs(self.batch_size // self.replicas)

        def terms(batch):
            condition = self.model.condition_of(batch)
            return self.model.loss_terms(batch["x"], self.seed, False, condition)

        traced = tf.function(terms, autograph=False).get_concrete_function(specs)
        names = {*traced.structured_outputs, *(f"gradient_norm/{group}" for group in self.groups)}
        after = functools.partial(self._after_joint, index)

        def gradients(batch, step):
            return self._joint[index](batch, self._seed_of(step))

        def step(batch):
            if self.loss_scale is not None:
                parts = gradients, self._apply_normed, after
                return GuardedStep(self.strategy, self.loss_scale, *parts)(batch, self.step)
            results = self.strategy.run(self._one_step, args=(index, batch, self.step))
            return first_of(self.strategy, results)

        return step, sorted(names.union(() if self.loss_scale is None else STATES))

    def _specs(self, rows):
        """What the model needs of a batch of `rows` examples."""
        spec = self.model.spec
        shapes = {"x": spec.shape, "label": (), "condition": spec.condition_shape}
        types = {"x": spec.dtype, "label": tf.int32, "condition": tf.uint8}
        return {k: tf.TensorSpec((rows, *shapes[k]), types[k]) for k in self.inputs}

    def _one_step(self, index, batch, step):
        results, features = self._joint[index](batch, self._seed_of(step))
        self._settle(self._joint_groups(self.stages[index]))
        return self._after_joint(index, batch, step, results, features)

    def _seed_of(self, step):
        return own_seed(random.fold(self.seed, step), self.replicas)

    def _after_joint(self, index, batch, step, results, features):
        """What follows the joint update: groups' own ones, the average; all results."""
        seed, condition = self._seed_of(step), self.model.condition_of(batch)
        for group, own in self._own[index].items():
            number = self.updates[group]
            rows = tf.split(features[group], number)
            conditions = number * [None] if condition is None else tf.split(condition, number)
            seeds = [random.fold(seed, group, index) for index in range(number)]
            norms = list(map(own, rows, conditions, seeds))
            results[f"gradient_norm/{group}"] = tf.add_n(norms) / number
        for group in self.groups:
            results.setdefault(f"gradient_norm/{group}", tf.zeros([]))
        if self._move_average is not None:
            self._move_average(step)
        return results

    def reduced_bytes(self, stage=0):
        """How many bytes of gradients the replicas sum in a step of a stage; 0 for one."""
        if self.replicas == 1:
            return 0
        times = dict.fromkeys(self._joint_groups(self.stages[stage]), 1)
        times |= {group: self.updates[group] for group in self._own[stage]}
        return sum(
            n * w.value.dtype.size * w.value.shape.num_elements()
            for group, n in times.items()
            for w in self.groups[group]
        )

    def _joint_groups(self, stage):
        """The names of the groups that a stage's joint step updates."""
        return [g for g in self.groups if stage.has(g) and g not in self.updates]

    def _settle(self, groups):
        """Gives the weights of groups what updates left in packs."""
        for group in groups:
            if (optimizer := self.optimizers[group]) in self._packed:
                optimizer.settle()

    def _settled(self, step, group):
        """A program that takes a group's own step and settles its weights, traced once."""
        program = self._program(step)

        def settled(*arguments):
            norm = program(*arguments)
            self._settle([group])
            return norm

        return tf.function(settled, autograph=False) if self._jit else settled

    def _program(self, function):
        return tf.function(function, jit_compile=True, autograph=False) if self._jit else function

    def _joint_step(self, part, stage, batch, seed):
        """One update of a stage's groups without steps of their own; the results and features."""
        gradients, terms, features = self._joint_gradients(part, stage, batch, seed)
        results = terms | self._apply_joint(gradients)
        return {k: tf.cast(v, tf.float32) for k, v in results.items()}, features

    def _joint_gradients(self, part, stage, batch, seed):
        """(gradients for that update, loss terms) of all replicas, and features of this one."""
        if self.parts == 1:
            gradients, terms, features = part(stage, batch, seed, None)
        else:
            joint = {group: self.groups[group] for group in self._joint_groups(stage)}
            gradients, terms, features = in_parts(part, stage, batch, seed, self.parts, joint)
        return self._summed(gradients), self._summed(terms), features

    def _traced_part(self, graph_gradient):
        """`_part`, traced once for all parts of a batch where there is one replica."""
        if self.replicas > 1:  # which may not reduce within a function of its own
            return self._part
        if self._jit and not graph_gradient:
            return tf.function(self._part, jit_compile=True, autograph=False)
        # A copy of it for each part would be optimised with the others, and run beside them.
        apart = {"_noinline": True}
        return tf.function(self._part, autograph=False, experimental_attributes=apart)

    def _scaled_gradients(self, part, stage, batch, seed):
        """The same of a scaled loss; then their norms, loss terms and features."""
        gradients, terms, features = self._joint_gradients(part, stage, batch, seed)
        gradients = self.loss_scale.down(gradients)
        return gradients, norms_of(gradients), terms, features

    def _part(self, stage, batch, seed, sums):
        """Gradients of a batch or a part of it, added to `sums` if there are any.

        Returns ({group: gradients}, {name: sum of a loss term over the batch size}, features).
        """
        x, condition, features = batch["x"], self.model.condition_of(batch), {}
        with tf.GradientTape() as tape, self._fusing(), self._writing(), self._frozen(stage):
            if self.updates:
                terms, features = self.model.loss_terms_and_features(x, seed, True, condition)
            else:
                terms = self.model.loss_terms(x, seed, True, condition)
            loss = tf.reduce_sum(terms["loss"]) / self.batch_size
            if self.loss_scale is not None:
                loss = self.loss_scale.up(loss)
        strangers = sorted(set(self.updates) - set(features))
        if strangers:
            raise ValueError(
                f"train.updates_per_step names {', '.join(strangers)}, but of the groups of "
                f"{type(self.model).__name__} only {sorted(features)} can take steps of their own."
            )
        joint = {group: self.groups[group] for group in self._joint_groups(stage)}
        with self._writing():  # what is computed again is written as it was
            gradients = self._gradients(tape, loss, joint)
        if sums is not None:
            gradients = tf.nest.map_structure(lambda total, more: total + more, sums, gradients)
        results = {k: tf.reduce_sum(v) / self.batch_size for k, v in terms.items()}
        return gradients, results, features

    def _own_step(self, stage, group, features, condition, seed):
        """One update of a group on a part of the batch; the norm of its gradient."""
        rows = tf.shape(features)[0] * self.replicas
        with tf.GradientTape() as tape, self._frozen(stage):
            loss = self.model.inner_loss(group, features, seed, condition)
            loss = tf.reduce_sum(loss) / tf.cast(rows, loss.dtype)
        gradients = self._summed(self._gradients(tape, loss, {group: self.groups[group]}))
        return tf.cast(self._apply(gradients)[f"gradient_norm/{group}"], tf.float32)

    def _frozen(self, stage):
        """Keeps what is not of a stage in inference mode."""
        others = [members for group, members in self.groups.items() if not stage.has(group)]
        return frozen(self.model, [weight for members in others for weight in members])

    def _gradients(self, tape, loss, groups):
        """{group: gradients}, of this replica's share."""
        weights = [w for members in groups.values() for w in members]
        gradients = tape.gradient(loss, weights)
        check_gradients(weights, gradients)
        remaining = iter(gradients)
        return {g: [next(remaining) for _ in members] for g, members in groups.items()}

    def _summed(self, tensors):
        """A structure of tensors, summed over replicas."""
        if self.replicas > 1 and tf.nest.flatten(tensors):
            return tf.distribute.get_replica_context().all_reduce("sum", tensors)
        return tensors

    def _apply(self, gradients):
        """Clips and applies the gradients of groups; returns their norms before clipping."""
        norms = norms_of(gradients)
        self._apply_normed(gradients, norms)
        return norms

    def _apply_normed(self, gradients, norms):
        apply_gradients(gradients, norms, self.optimizers, self.groups, self.clip_norm)

    def _apply_scaled(self, gradients):
        """The same of gradients of a scaled loss, if they are finite."""
        gradients = self.loss_scale.down(gradients)
        norms = norms_of(gradients)
        apply = functools.partial(self._apply_normed, gradients, norms)
        packed = [each for g in gradients if (each := self.optimizers[g]) in self._packed]

        def skip():
            for optimizer in packed:
                optimizer.skip()

        return self.loss_scale.guarded(norms, apply, skip)
