# Shared by the scripts: steps that say one line each, and keep their noise in a log that is shown when one fails.
# shellcheck shell=bash
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
logs=$root/build/logs
mkdir -p "$logs"
started=$SECONDS

# as many jobs as cores, but not more than memory feeds: a compiler in Eigen's templates takes up to 1.5 GB
jobs() {
  local cores memory
  cores=$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)
  memory=$(awk '/MemAvailable/ {print int($2 / 1500000)}' /proc/meminfo 2>/dev/null || echo "$cores")
  ((memory < 1)) && memory=1
  echo $((cores < memory ? cores : memory))
}
CMAKE_BUILD_PARALLEL_LEVEL=${CMAKE_BUILD_PARALLEL_LEVEL:-$(jobs)}
CTEST_PARALLEL_LEVEL=${CTEST_PARALLEL_LEVEL:-$CMAKE_BUILD_PARALLEL_LEVEL}
export CMAKE_BUILD_PARALLEL_LEVEL CTEST_PARALLEL_LEVEL

use_ccache() {
  if command -v ccache >/dev/null; then
    export CMAKE_CXX_COMPILER_LAUNCHER=ccache
    export CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
  fi
}

# a new folder in memory, where there is one: for many small files that need no disk
memory_folder() { mktemp -d -p "$([[ -w /dev/shm ]] && echo /dev/shm || echo "${TMPDIR:-/tmp}")"; }

# step NAME COMMAND...: runs the command without input; one line, with its time. On failure shows the end of the log.
step() {
  local name=$1 begin=$SECONDS log
  shift
  log=$logs/$(tr -c 'a-zA-Z0-9\n' '-' <<<"$name").log
  printf '  %-66s' "$name"
  if "$@" >"$log" 2>&1 </dev/null; then
    printf '%5d s\n' $((SECONDS - begin))
  else
    printf ' FAILED after %d s\n\n' $((SECONDS - begin))
    grep -E '(error|Error|FAILED|WARNING: ThreadSanitizer|runtime error|\*\*\*)' "$log" | head -n 20 || true
    printf -- '---- the end of %s\n' "${log#"$root"/}"
    tail -n 40 "$log"
    return 1
  fi
}

# counted NAME COMMAND...: a step whose command is a ctest; adds what it ran to $passed and $failed
passed=0
failed=0
counted() {
  local log status=0 summary total bad
  step "$@" || status=$?
  log=$logs/$(tr -c 'a-zA-Z0-9\n' '-' <<<"$1").log
  summary=$(grep -E 'tests passed, [0-9]+ tests? failed out of [0-9]+' "$log" | tail -n 1 || true)
  if [[ -n $summary ]]; then
    total=${summary##* }
    bad=$(sed -E 's/.* ([0-9]+) tests? failed.*/\1/' <<<"$summary")
    passed=$((passed + total - bad))
    failed=$((failed + bad))
    ((status == 0)) || sed -n '/The following tests FAILED/,$p' "$log"
  fi
  return $status
}
