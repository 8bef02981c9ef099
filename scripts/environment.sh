# Sourced by scripts/demo and scripts/test: makes .venv where there is none, and puts it first on PATH.
# Another interpreter, where there is no .venv yet: PYTHON=python3.13 scripts/demo

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
python=${PYTHON:-python3}
export PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1

if ! .venv/bin/python -c '' 2>/dev/null; then
  if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "Python 3.11 or later is needed: PYTHON=/path/to/python3 $0" >&2
    exit 2
  fi
  echo "making .venv"
  if ! "$python" -m venv --clear .venv; then
    echo "no virtual environment could be made; on Debian and Ubuntu: apt install python3-venv" >&2
    exit 2
  fi
fi
PATH="$root/.venv/bin:$PATH"

# pip 25.1 is the first that knows dependency groups.
install() {
  python -m pip install --quiet --upgrade 'pip>=25.1'
  python -m pip install --quiet "$@"
}
