#!/usr/bin/env bash
# A second environment, .venv-peers, with PyTorch for CPU and libraries of flows made with it, for
# `python -m scripts.benchmark --section=peers`. Nothing else needs it.
set -euo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
cd "$ROOT"

"$PYTHON" -m venv .venv-peers
.venv-peers/bin/python -m pip install --quiet --extra-index-url https://download.pytorch.org/whl/cpu \
  torch==2.13.0 FrEIA==0.2 zuko==1.6.0 normflows==1.7.3 nflows==0.14
echo "python -m scripts.benchmark --section=peers"
