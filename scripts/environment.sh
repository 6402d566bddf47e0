# Sourced by demo.sh and test.sh: leaves a Python that satisfies requirements.txt in $PYTHON.
#
# An active virtual environment is used if it already satisfies requirements.txt; otherwise .venv at
# the repository's root is made, or brought up to date, and used. One whose Python has changed or is
# gone, or that was left half-made, is made anew.

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

# Whether a Python is one of those that pyproject.toml allows, and can import the modules named.
fits() {
  local python="$1"
  shift
  "$python" - "$@" <<'PY' 2>/dev/null
import importlib
import sys

if not (3, 11) <= sys.version_info[:2] <= (3, 13):
    sys.exit(1)
for module in sys.argv[1:]:
    importlib.import_module(module)
PY
}

satisfied() {
  fits "$1" && "$1" - "$ROOT/requirements.txt" <<'PY' 2>/dev/null
import importlib.metadata
import re
import sys

for line in open(sys.argv[1]):
    line = line.split("#")[0].strip()
    if line:
        name, version = re.fullmatch(r"([A-Za-z0-9_.-]+)==(\S+)", line).groups()
        if importlib.metadata.version(name) != version:
            sys.exit(1)
PY
}

find_python() {
  local candidate version without=""
  for candidate in python3 python python3.13 python3.12 python3.11; do
    if fits "$candidate"; then
      # Debian and Ubuntu keep what makes virtual environments in a package of its own.
      if fits "$candidate" venv ensurepip; then
        echo "$candidate"
        return
      fi
      without="${without:-$candidate}"
    fi
  done
  if [ -n "$without" ]; then
    version="$("$without" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
    echo "Error: $without (Python $version) cannot make virtual environments: venv or ensurepip is missing." >&2
    echo "On Debian and Ubuntu: apt-get install python$version-venv" >&2
  else
    echo "Error: Python 3.11, 3.12 or 3.13 is needed; none was found as python3, python, python3.13," >&2
    echo "python3.12 or python3.11." >&2
    echo "On Debian 12 and 13 and Ubuntu 24.04: apt-get install python3 python3-venv" >&2
    echo "Elsewhere: https://www.python.org/downloads, or conda create -n glf python=3.13." >&2
  fi
  return 1
}

# Whether .venv can be brought up to date: whole, and its Python the one that it was made with.
can_be_updated() {
  local now
  if [ -e "$ROOT/.venv/unfinished" ] || ! fits "$PYTHON" pip; then
    return 1
  fi
  now="$("$PYTHON" -c 'import sys; print("%d.%d." % sys.version_info[:2])')"
  grep -q "^version\(_info\)\? = $now" "$ROOT/.venv/pyvenv.cfg"
}

prepare() {
  local base started=$SECONDS
  if [ -n "${VIRTUAL_ENV:-}" ] && [ "$VIRTUAL_ENV" != "$ROOT/.venv" ] &&
    satisfied "$VIRTUAL_ENV/bin/python"; then
    PYTHON="$VIRTUAL_ENV/bin/python"
    return
  fi
  PYTHON="$ROOT/.venv/bin/python"
  # One at a time: another command may be making the environment right now.
  if command -v flock >/dev/null; then
    exec 9<"$ROOT"
    if ! flock --nonblock 9; then
      echo "Another command is making the environment in $ROOT/.venv; waiting for it ..."
      flock 9
    fi
  fi
  if [ ! -e "$ROOT/.venv/unfinished" ] && satisfied "$PYTHON"; then
    exec 9<&-
    return
  fi
  base="$(find_python)" || return 1
  echo "Making the environment in $ROOT/.venv (once; it takes a few minutes) ..."
  if ! can_be_updated; then
    rm -rf "$ROOT/.venv"
  fi
  mkdir -p "$ROOT/.venv"
  touch "$ROOT/.venv/unfinished"
  if [ ! -x "$PYTHON" ] && ! "$base" -m venv "$ROOT/.venv"; then
    echo "Error: $base cannot make virtual environments; see above." >&2
    return 1
  fi
  # pip compiles modules one after the other; compileall takes all cores.
  if ! "$PYTHON" -m pip install --quiet --disable-pip-version-check --no-compile \
    --requirement "$ROOT/requirements.txt" 2>"$ROOT/.venv/install.log"; then
    cat "$ROOT/.venv/install.log" >&2
    echo "Error: the packages of requirements.txt could not be installed; see above." >&2
    return 1
  fi
  # What cannot be compiled, as files that are no Python of this version, is never imported.
  "$PYTHON" -m compileall -q -j 0 "$ROOT"/.venv/lib/python3.*/site-packages >/dev/null 2>&1 || true
  rm "$ROOT/.venv/unfinished"
  exec 9<&-
  echo "The environment is ready after $((SECONDS - started)) s."
}

prepare || exit 1
export PYTHON ROOT
