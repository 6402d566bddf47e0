"""Drafts of a flow's slow directions, trained beside the flow, as models see them."""

from glf.solvers.parts import slow_parts

DRAFT = (
    "half the squared errors of the drafts from which the flow's slow directions are solved; "
    "without any influence on the flow"
)


def draft_weights(layer):
    """The trainable weights of all drafts in a layer."""
    drafts = [part.draft for part in slow_parts(layer) if getattr(part, "draft", None) is not None]
    return [weight for draft in drafts for weight in draft.trainable_weights]


def with_drafts_apart(groups, layer):
    """Parameter groups, and "draft" of what these hold of the drafts in `layer`, if it has any."""
    apart = draft_weights(layer)
    if not apart:
        return groups
    ids = {id(weight) for weight in apart}
    others = {
        name: [weight for weight in weights if id(weight) not in ids]
        for name, weights in groups.items()
    }
    return {**others, "draft": apart}
