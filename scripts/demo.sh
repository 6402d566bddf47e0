#!/usr/bin/env bash
# All set-up, then the main job from start to end on the 8x8 digits that scikit-learn carries:
# train, evaluate, sample, interpolate, export, and sample from the export without this package.
#
#   bash scripts/demo.sh [OUT]      OUT: the folder to fill, by default ./demo
#
# Run again, it goes on where it was stopped, or says that it is done.
set -euo pipefail
case "${1:-}" in
  -h | --help)
    sed -n '2,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
    exit 0
    ;;
  -*)
    echo "Error: unknown option $1. Usage: bash scripts/demo.sh [OUT]" >&2
    exit 1
    ;;
esac
started=$SECONDS
out="${1:-demo}"
mkdir -p "$out"
out="$(cd "$out" && pwd)"
# shellcheck source=scripts/environment.sh
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
cd "$ROOT"
ready=$SECONDS
export TF_CPP_MIN_LOG_LEVEL=2
run="$out/run"
best=--checkpoint=best # the one with the lowest loss on the validation images

say() { printf '\n== %s\n' "$*"; }

if [ -f "$out/done" ] && [ -d "$out/exported" ]; then
  say "The demo in $out is already done; remove the folder to run it again."
else
  say "Training (stop it whenever you like; the same command goes on from there)"
  "$PYTHON" -m scripts.train --workdir="$run" --gin_file=configs/studies/glf/digits.gin
  say "Evaluating on the test split"
  "$PYTHON" -m scripts.evaluate --workdir="$run" $best --split=test --judged_samples=2000 \
    --reconstructions="$out/reconstructions.png" --min_side=48
  say "Sampling and interpolating"
  "$PYTHON" -m scripts.sample --workdir="$run" $best --num=64 --seed=0 --min_side=48 \
    --out="$out/samples.png"
  "$PYTHON" -m scripts.interpolate --workdir="$run" $best --min_side=48 \
    --out="$out/interpolation.png"
  say "Exporting, and sampling from the export where glf cannot be imported"
  "$PYTHON" -m scripts.export --workdir="$run" $best --out="$out/exported"
  # -I: neither the working directory nor the script's folder is on the path.
  if ! "$PYTHON" -I scripts/sample_export.py "$out/exported" --num=64 --seed=0 --min_side=48 \
    --out="$out/samples_from_export.png" 2>"$out/.log"; then
    cat "$out/.log" >&2
    exit 1
  fi
  rm -f "$out/.log"
  if cmp -s "$out/samples.png" "$out/samples_from_export.png"; then
    say "The export's samples are the model's, pixel for pixel."
  else
    echo "Error: the export's samples differ from the model's ($out)." >&2
    exit 1
  fi
  touch "$out/done"
fi

cat <<END

What lies in $out:
  samples.png               64 samples of the model
  reconstructions.png       test digits, each beside its reconstruction
  interpolation.png         lines in the flow's base space between test digits
  samples_from_export.png   the same samples, from the SavedModel alone
  run/                      the run: config, checkpoints, logs, TensorBoard summaries, metrics.json
  exported/                 the SavedModel, and signatures.json that says what it takes

Time: $((SECONDS - started)) s, of which $((ready - started)) s for the environment.
Next: configs/studies/glf/ for the paper's experiments; README.md for your own images.
END
