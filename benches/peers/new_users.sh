#!/usr/bin/env bash
# melu beside implicit, cmfrec and LightFM for the same new users: how good their lists are, how
# long training takes, and how long a new user.
#
#     benches/peers/new_users.sh [DIR] [--seeds N] [--libraries A,B] [--publish]
#
# DIR is a data folder; without it, that of MELU_DATA, or a generated world. Needs cargo, a C
# compiler and Python 3.11 or later with venv. MovieLens 1M takes half an hour of one core.
set -euo pipefail
cd "$(dirname "$0")/../.."
here=benches/peers/new_users
. benches/peers/python.sh

"$python" -m pip install --quiet --disable-pip-version-check ./bindings/python
exec "$python" $here/compare.py "$@"
