#!/usr/bin/env bash
# The whole cross-data-set table: trains on one data set, evaluates on all that are held.
#   tests/published/cross_dataset.sh --help
set -euo pipefail
cd "$(dirname "$0")/../.."
exec python -m tests.published.cross_dataset "$@"
