"""The record that a run keeps of its data, and what it says when they are others."""

import dataclasses


def describe(dataset):
    """What `data.json` holds: the spec, where the data were, and what they were."""
    described = {"name": dataset.name, **_of_spec(dataset.spec), "place": dataset.place}
    return {**described, "record": dataset.record()}


def changes(held, dataset):
    """What is different of the data since `held`, what `data.json` holds, was written.

    Returns (of the spec, of the content, of what gives the same examples): lists of lines. Runs of
    earlier versions recorded the spec alone.
    """
    now = describe(dataset)
    names = _of_spec(dataset.spec)
    spec = [_line(n, held.get(n), now[n]) for n in names if held.get(n) != now[n]]
    if "record" not in held:
        # Then subfolders were not yet taken as classes unless a configuration said so; a model that
        # was made without classes has no use for them.
        unlabelled = held.get("num_classes") is None
        spec = [line for line in spec if not (unlabelled and line.startswith("num_classes: "))]
        return spec, [], []
    before, record = held["record"], now["record"]
    content, same = [], []
    for split, is_now in record["splits"].items():
        was = before["splits"].get(split, {})
        if was.get("examples") != is_now["examples"]:
            content.append(_line(f"{split} examples", was.get("examples"), is_now["examples"]))
        elif was != is_now:
            content.append(f"other examples are in the {split} split")
    was, is_now = before["content"], record["content"]
    for key in sorted(set(was) | set(is_now)):
        if was.get(key) == is_now.get(key):
            continue
        if key == "sha256":
            what = "names or sizes of files" if "files" in is_now else "values"
            content.append(f"{what} are not those that the run was trained on")
        elif key == "version" and _major(was.get(key)) == _major(is_now.get(key)):
            # The same examples, stored in another way: tfds numbers its versions so.
            same.append(_line(key, was[key], is_now[key]))
        else:
            content.append(_line(key, was.get(key), is_now.get(key)))
    return spec, content, same


def _of_spec(spec):
    """A `DataSpec` as `data.json` has it: the shape is called "image_shape" there."""
    values = dataclasses.asdict(spec)
    values = {"image_shape" if name == "shape" else name: v for name, v in values.items()}
    return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}


def _line(name, before, now):
    return f"{name}: {before} before, {now} now"


def _major(version):
    return str(version).split(".")[0]
