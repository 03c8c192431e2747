#!/usr/bin/env bash
# Trains on this machine, in a virtual environment of its own; with JAX for CUDA if there is a GPU.
#
#   launch/local.sh --config=configs/resnet_lstm.py [--config.key=value ...] [--workdir=DIR]
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ ! -d .venv ]]; then
  python3 -m venv .venv
  if command -v nvidia-smi > /dev/null; then extras='[cuda12]'; else extras=''; fi
  .venv/bin/pip install -e ".$extras"
fi
exec .venv/bin/python -m fdd.main "$@"
