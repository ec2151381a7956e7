#!/bin/sh
# Usage: tools/environment.sh LOCK
# Makes .venv if there is none, installs what LOCK pins (hashes checked), then this project. Needs Python 3.11 to 3.13 and the
# network; no root. Run from the root of the project; `make` does.
set -eu

lock=$1
venv=.venv
oldest=11 newest=13

# What pip and uv are told by somebody's environment must not send packages elsewhere than into .venv.
unset PIP_USER PIP_TARGET PIP_PREFIX PIP_ROOT PIP_REQUIRE_HASHES UV_SYSTEM_PYTHON PYTHONHOME PYTHONPATH
export PIP_DISABLE_PIP_VERSION_CHECK=1 UV_NO_PROGRESS=1 UV_HTTP_TIMEOUT="${UV_HTTP_TIMEOUT:-180}"
# A mirror named to pip holds for uv as well.
if [ -n "${PIP_INDEX_URL:-}" ]; then export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$PIP_INDEX_URL}"; fi

fail() {
    printf 'error: %s\n' "$@" >&2
    exit 1
}

suits() {
    "$1" -c "import sys; sys.exit(not (3, $oldest) <= sys.version_info[:2] <= (3, $newest))" 2>/dev/null
}

find_python() {
    for name in "${PYTHON:-python3}" python3.13 python3.12 python3.11; do
        if suits "$name"; then
            echo "$name"
            return
        fi
    done
}

make_venv() {
    python=$(find_python)
    if [ -n "$python" ] && "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        "$python" -m venv --clear $venv
    elif [ -n "$python" ] && "$python" -c 'import pip, venv' 2>/dev/null; then
        "$python" -m venv --clear --without-pip $venv
    elif command -v uv >/dev/null; then
        uv venv --quiet --clear --python "${python:-3.$newest}" $venv
    elif [ -n "$python" ]; then
        fail "$python has no ensurepip, so that it cannot make an environment." \
            "Install it (Debian, Ubuntu: python3-venv), or put uv on the path."
    else
        fail "no Python 3.$oldest to 3.$newest found: neither python3 nor python3.13, python3.12, python3.11 is one." \
            "Install one, name one (make PYTHON=/path/to/python3 …), or put uv on the path."
    fi
}

install_uv() {
    if $venv/bin/python -c 'import pip' 2>/dev/null; then
        $venv/bin/python -m pip install --quiet --require-hashes --only-binary :all: -r requirements/bootstrap.txt
    elif command -v uv >/dev/null; then
        uv pip install --quiet --python $venv/bin/python --require-hashes -r requirements/bootstrap.txt
    else
        "$(find_python)" -m pip --python $venv/bin/python install --quiet --require-hashes --only-binary :all: \
            -r requirements/bootstrap.txt
    fi
}

if ! suits $venv/bin/python; then
    echo "Making $venv"
    make_venv
fi

# uv trusts the certificates of the machine, where it has any: it may be behind a proxy with its own.
if $venv/bin/python -c 'import ssl, sys; sys.exit(not ssl.create_default_context().cert_store_stats()["x509_ca"])'; then
    export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-1}"
fi
if ! $venv/bin/uv --version >/dev/null 2>&1; then
    install_uv
fi

echo "Installing $lock"
$venv/bin/uv pip install --quiet --python $venv/bin/python --require-hashes -r "$lock"
$venv/bin/uv pip install --quiet --python $venv/bin/python --no-deps --no-build-isolation --editable .

# The demo is not to wait for compilers: part of the installation is to compile what it runs, once.
if [ "$lock" = requirements/run.txt ]; then
    echo "Compiling kernels"
    $venv/bin/gridpact run --days 1 --output $venv/first-run >$venv/first-run.log 2>&1 || {
        cat $venv/first-run.log >&2
        fail "the first run failed"
    }
fi
