"""What a training step asks of model, groups of weights, and the numbers of an experiment."""

from glf.models.abilities import HasInnerLoss


def check_parts(batch_size, replicas, parts):
    """Checks that replicas can go through their shares of a batch in equal parts.

    Raises:
      ValueError: if not.
    """
    if batch_size % (replicas * parts):
        raise ValueError(
            f"train.batch_size={batch_size} cannot be gone through in train.batch_parts={parts} "
            f"equal parts by each of {replicas} replicas; make it a multiple of both together."
        )


def check_updates(model, groups, updates, share):
    """Checks {group: updates of its own} on a replica's `share` of the batch.

    Raises:
      ValueError: if groups of this model cannot take them, or the share is not divided by one.
    """
    if not updates:
        return
    name = type(model).__name__
    strangers = sorted(set(updates) - set(groups))
    if strangers or not isinstance(model, HasInnerLoss):
        raise ValueError(
            f"train.updates_per_step names {sorted(updates)}, but of {name}'s groups "
            f"{sorted(groups)} not all of these can take steps of their own."
        )
    for group, number in updates.items():
        if not (isinstance(number, int) and number >= 1 and share % number == 0):
            raise ValueError(
                f"train.updates_per_step[{group!r}]={number!r} must be a whole number that "
                f"divides the batch of {share}."
            )


def check_groups(model, groups, optimizers):
    """Checks that there is an optimizer for each group, and a group for each trainable weight.

    Raises:
      ValueError: if not.
    """
    name = type(model).__name__
    if set(groups) != set(optimizers):
        raise ValueError(
            f"{name} has the parameter groups {sorted(groups)}, but train.optimizers names "
            f"{sorted(optimizers)}. Give one optimizer for each."
        )
    grouped = [id(weight) for members in groups.values() for weight in members]
    every = [id(weight) for weight in model.trainable_weights]
    if sorted(grouped) != sorted(every):
        raise ValueError(
            f"The parameter groups of {name} hold {len(grouped)} weights ({len(set(grouped))} "
            f"distinct), the model has {len(every)} trainable ones; parameter_groups() must return "
            "each of them once."
        )


def check_gradients(weights, gradients):
    """Checks that every weight has a gradient.

    Raises:
      ValueError: if not.
    """
    missing = [w.path for w, g in zip(weights, gradients, strict=True) if g is None]
    if missing:
        raise ValueError(
            f"No gradient reaches {len(missing)} weights: {', '.join(missing[:5])}. The loss "
            "does not depend on them, or the path to them is cut."
        )
