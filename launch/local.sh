#!/usr/bin/env bash
# Trains on this machine, on all of its GPUs, in a virtual environment of its own.
#
#   launch/local.sh --config=configs/resnet_lstm.py [--config.key=value ...] [--workdir=DIR]
#
# CUDA_VISIBLE_DEVICES=0,1 before it takes some of the GPUs. Ctrl-C and SIGTERM can be followed by
# the same command, which goes on.
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ ! -d .venv ]]; then
  python3 -m venv .venv
  if command -v nvidia-smi > /dev/null; then extras='[cuda12]'; else extras=''; fi
  .venv/bin/pip install -e ".$extras"
fi
exec .venv/bin/python -m fdd.main "$@"
