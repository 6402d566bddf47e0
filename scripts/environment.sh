# Sourced by demo.sh and test.sh: leaves a Python that satisfies requirements.txt in $PYTHON.
#
# An active virtual environment is used if it already satisfies requirements.txt; otherwise .venv at
# the repository's root is made, or brought up to date, and used.

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

satisfied() {
  "$1" - "$ROOT/requirements.txt" <<'PY' 2>/dev/null
import importlib.metadata
import re
import sys

if sys.version_info[:2] != (3, 11):
    sys.exit(1)
for line in open(sys.argv[1]):
    line = line.split("#")[0].strip()
    if line:
        name, version = re.fullmatch(r"([A-Za-z0-9_.-]+)==(\S+)", line).groups()
        if importlib.metadata.version(name) != version:
            sys.exit(1)
PY
}

find_python() {
  local candidate
  for candidate in python3.11 python3 python; do
    if command -v "$candidate" >/dev/null 2>&1 &&
      "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  echo "Error: Python 3.11 is needed and was not found as python3.11, python3 or python." >&2
  echo "Install it (on Debian and Ubuntu: apt-get install python3.11 python3.11-venv)." >&2
  return 1
}

prepare() {
  if [ -n "${VIRTUAL_ENV:-}" ] && satisfied "$VIRTUAL_ENV/bin/python"; then
    PYTHON="$VIRTUAL_ENV/bin/python"
    return
  fi
  PYTHON="$ROOT/.venv/bin/python"
  if [ -x "$PYTHON" ] && satisfied "$PYTHON"; then
    return
  fi
  local base started=$SECONDS
  base="$(find_python)" || return 1
  echo "Making the environment in $ROOT/.venv (once; it takes a few minutes) ..."
  if ! { [ -x "$PYTHON" ] && "$PYTHON" -m pip --version >/dev/null 2>&1; }; then
    rm -rf "$ROOT/.venv"
    if ! "$base" -m venv "$ROOT/.venv"; then
      echo "Error: $base cannot make virtual environments (on Debian: apt-get install python3.11-venv)." >&2
      return 1
    fi
  fi
  if ! "$PYTHON" -m pip install --quiet --disable-pip-version-check \
    --requirement "$ROOT/requirements.txt" 2>"$ROOT/.venv/install.log"; then
    cat "$ROOT/.venv/install.log" >&2
    echo "Error: the packages of requirements.txt could not be installed; see above." >&2
    return 1
  fi
  echo "The environment is ready after $((SECONDS - started)) s."
}

prepare || exit 1
export PYTHON ROOT
