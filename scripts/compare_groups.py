"""Compares groups of rotations and reflections: classifiers of as many weights, trained in turn.

  python -m scripts.compare_groups --workdir=runs/groups_cifar10 --seeds=3 \
    --gin_file=configs/classification/hexaconv_cifar10.gin

Trains the configured classifier, a GroupResNet, for every --group and seed in a folder of its own
below --workdir, seed by seed, and measures it on the test split. Networks of all groups, on both
lattices, have as many weights as that of z2 with GroupResNet.filters, as near as whole channels
come; the table says how many. Prints it, and writes groups.json: errors, their mean and spread,
weights, seconds a step. Started again it goes on with what is missing.
"""

from absl import flags

if not __package__:
    raise SystemExit("Error: start it as a module: python -m scripts.compare_groups")

from . import common

GROUPS = ("z2", "p4", "p4m", "z2_hexagonal", "p6", "p6m")

WORKDIR = common.define_workdir(
    "Where the runs and groups.json go: a new folder, or an earlier one."
)
GIN_FILE = common.define_paths("gin_file", "A configuration file, of configs/classification/.")
GIN_PARAM = flags.DEFINE_multi_string(
    "gin_param", [], "One binding that overrides the files. Repeatable."
)
GROUP = flags.DEFINE_multi_enum("group", [], GROUPS, "What to compare. Repeatable. Default: all.")
SEEDS = common.define_positive("seeds", 1, "How many seeds: 0, 1, ...")
DATA_DIR = common.define_data_dir("$TFDS_DATA_DIR")
DATA_PATH = common.define_data_path("as make_dataset.source says")


def check():
    """Refuses a workdir that cannot be written."""
    from glf.core import outputs

    outputs.require_output(WORKDIR.value, (outputs.FOLDER,), "--workdir")


def main():
    """Flags in, one library call a run, a table and a JSON file out."""
    import pathlib

    from glf import configurables
    from glf.core import files
    from glf.training.classification import summary, table

    workdir, reports = pathlib.Path(WORKDIR.value), {}
    for seed in range(SEEDS.value):
        for group in GROUP.value or GROUPS:
            bindings = [f'GroupResNet.group = "{group}"', f"classify.seed = {seed}"]
            configurables.parse(GIN_FILE.value, [*GIN_PARAM.value, *bindings])
            folder = workdir / f"{group}-{seed}"
            report = configurables.classify(folder, DATA_DIR.value, DATA_PATH.value)
            reports.setdefault(group, []).append(report)
            print(f"{group}, seed {seed}: {100 * report['error']:.2f} % errors", flush=True)
    found = summary(reports)
    files.write_json(workdir / "groups.json", found)
    print(table(found))


if __name__ == "__main__":
    common.run(main, check=check)
