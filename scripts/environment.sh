# Sourced by the commands in scripts/: makes .venv if there is none, puts it first on PATH, and unsets variables that
# would change what the checks see. To use another interpreter for a new .venv: PYTHON=python3.13 scripts/demo

unset CDPATH # with it, cd prints the folder
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
python=${PYTHON:-python3}

# unset_variables PATTERN...: unset the exported variables that match, and print their names but not their values.
unset_variables() {
  local name pattern names=()
  for name in $(compgen -e); do
    for pattern in "$@"; do
      if [[ $name == $pattern ]]; then
        unset "$name"
        names+=("$name")
        break
      fi
    done
  done
  if ((${#names[@]})); then echo "unset: ${names[*]}"; fi
}
unset_variables 'PYTHON?*' FORCE_COLOR NO_COLOR 'CLICOLOR*' COLUMNS LINES 'CONFLUENCE_*'
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

# pip 25.1 is the first version with dependency groups; pip before 26.1.2 has CVE-2026-8643.
install() {
  python -m pip install --quiet --upgrade 'pip>=26.1.2'
  python -m pip install --quiet "$@"
}

# install_for_tests: exactly the files whose hashes are in scripts/requirements.txt, first pip itself, then the package,
# which is compiled, because tests start it hundreds of times. A hash, not a time, decides if a compiled file is current.
# With NEWEST=1: the newest releases that pyproject.toml allows.
install_for_tests() {
  local locked=scripts/requirements.txt pip=(python -m pip install --quiet)
  if [[ ${NEWEST-} == 1 ]]; then
    install --editable '.[aiohttp,sandbox,cli,keyring,review,postgres,dbos,otel]' --group dev
  elif ! "${pip[@]}" --require-hashes --requirement <(sed -n '/^pip==/,/^ *#/p' "$locked") ||
    ! "${pip[@]}" --require-hashes --requirement "$locked"; then
    echo "$locked cannot be installed; with NEWEST=1, the newest releases are installed without it" >&2
    return 1
  else
    "${pip[@]}" --no-deps --no-build-isolation --editable . &&
      python -m compileall -q --invalidation-mode checked-hash confluence_groups_sdk
  fi
}

# These do not run the package, and need the pinned generator.
script_tests=(tests/scripts)

# run_pytest [ARGUMENT...]: installing may need the machine's proxy and certificates; the tests must not see them.
run_pytest() {
  (
    unset_variables {http,https,ftp,all,no}_proxy {HTTP,HTTPS,FTP,ALL,NO}_PROXY \
      SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE CURL_CA_BUNDLE
    exec python -m pytest --numprocesses 2 --dist worksteal "$@"
  )
}
