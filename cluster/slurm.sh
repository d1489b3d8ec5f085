#!/usr/bin/env bash
# One Slurm job that fills the memo: a Dask scheduler, one worker for each task, and `python -m nofreelunch farm`.
# Submit it from the repository, after 'dvc repro download'; what stands after the script goes to farm:
#
#   sbatch --ntasks=8 --gpus-per-task=1 --mem-per-cpu=40G cluster/slurm.sh --only embed
#   sbatch --ntasks=128 cluster/slurm.sh
#
# A job that ran out of time goes on where it was when it is submitted again. Then run 'dvc repro'.
#SBATCH --job-name=nofreelunch
#SBATCH --ntasks=16
#SBATCH --cpus-per-task=1
#SBATCH --mem-per-cpu=4G
#SBATCH --time=08:00:00
#SBATCH --output=nofreelunch.%j.log
set -euo pipefail
cd "${SLURM_SUBMIT_DIR:-.}"
if [[ -f .venv/bin/activate ]]; then
    # shellcheck source=/dev/null
    source .venv/bin/activate
fi

# A folder that all nodes see; 'dvc repro' must be given the same.
export NOFREELUNCH_CACHE="${NOFREELUNCH_CACHE:-$PWD/.cache}"
# Every worker has one thread, and so has its linear algebra.
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
export DASK_LOGGING__DISTRIBUTED=warning

mkdir -p "$NOFREELUNCH_CACHE"
meeting="$(mktemp -d "$NOFREELUNCH_CACHE/slurm.XXXXXX")"
finish() {
    for job in "${workers:-}" "${scheduler:-}"; do
        kill "$job" 2>/dev/null && wait "$job" || true
    done
    rm -rf "$meeting"
}
trap finish EXIT

python -m distributed.cli.dask_scheduler --scheduler-file "$meeting/scheduler.json" --port 0 --no-dashboard &
scheduler=$!
srun python -m distributed.cli.dask_worker --scheduler-file "$meeting/scheduler.json" \
    --nthreads 1 --memory-limit 0 --death-timeout 300 --no-dashboard --local-directory "${TMPDIR:-/tmp}/dask.$$" &
workers=$!

until [[ -s "$meeting/scheduler.json" ]]; do
    kill -0 "$scheduler"
    sleep 1
done
export NOFREELUNCH_SCHEDULER="$meeting/scheduler.json"
python -m nofreelunch farm "$@"
