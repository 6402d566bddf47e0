#!/usr/bin/env bash
# All set-up, then the linter and the tests.
#
#   bash scripts/test.sh            everything
#   bash scripts/test.sh --fast     without the slow tests
#   bash scripts/test.sh -k flow    further arguments go to pytest
set -euo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
cd "$ROOT"

arguments=()
whole=true
for argument in "$@"; do
  case "$argument" in
    --fast) arguments+=(-m "not slow") whole=false ;;
    -h | --help)
      sed -n '2,6s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
      exit 0
      ;;
    *) arguments+=("$argument") whole=false ;;
  esac
done

export CUDA_VISIBLE_DEVICES="${CUDA_VISIBLE_DEVICES--1}" TF_CPP_MIN_LOG_LEVEL=2
"$PYTHON" -m ruff check .
"$PYTHON" -m ruff format --check .
if [ -z "${TFDS_DATA_DIR:-}" ]; then
  echo "TFDS_DATA_DIR is not set: the tests on real data will skip."
fi
if ! "$whole"; then
  exec "$PYTHON" -m pytest -n 2 --dist loadscope "${arguments[@]}"
fi
# In two runs, so that no process gathers the compiled programs of thousands of tests.
status=0
training=(tests/training tests/scripts tests/test_*.py)
others=()
for folder in tests/*/; do
  case "$folder" in
    tests/training/ | tests/scripts/ | */__pycache__/) ;;
    *) others+=("$folder") ;;
  esac
done
for group in others training; do
  declare -n paths="$group"
  "$PYTHON" -m pytest -n 2 --dist loadscope "${arguments[@]}" "${paths[@]}" || status=$?
done
exit "$status"
