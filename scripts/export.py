"""Exports a trained model as a SavedModel that works without this package.

  python -m scripts.export --workdir=runs/digits --out=exported/digits

Beside the SavedModel lies signatures.json, which says what each signature takes and returns, and of
an integer flow that scripts.compress has used, integer_model.npz, by which its files decode.
"""

from absl import logging

if not __package__:
    raise SystemExit("Error: start it as a module: python -m scripts.export")

from . import common, early

WORKDIR = common.define_workdir()
OUT = common.define_path(
    "out", None, "The folder to write: new, or an earlier export to replace.", required=True
)
CHECKPOINT = common.define_checkpoint()


def check():
    """Refuses folders that hold no run, and names that could not be written or read back."""
    from glf.core import outputs

    early.Run(WORKDIR.value)
    outputs.require_plain(OUT.value)
    outputs.require_own_folder(OUT.value, "signatures.json", "export")


def main():
    """Flags in, a folder out."""
    from glf import configurables
    from glf.compression import places
    from glf.export import export_model

    model, _, step, _ = configurables.load_run(
        WORKDIR.value, checkpoint=CHECKPOINT.value, with_data=False
    )
    beside = places.beside(WORKDIR.value, step)
    signatures = export_model(model, OUT.value, step=step, beside=beside)
    logging.info("Exported step %d to %s: %s.", step, OUT.value, ", ".join(signatures))


if __name__ == "__main__":
    common.run(main, check=check)
