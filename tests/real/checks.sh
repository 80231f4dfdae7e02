# Checks with a line each, and the servers that they start: what the scripts of this folder share. To be sourced.
#
#   . tests/real/servers.sh; . tests/real/checks.sh
#   check NAME COMMAND…      # PASS or FAIL, and its output when it failed
#   skip NUMBER NAME WHY     # so many checks could not be run
#   conclude [MISSING]       # the total; exits 0, 1 (something failed) or 3 (MISSING could not be had)
#
# $work is a temporary folder, removed at the end with every server that server_start started; JUDGE_KEEP=1 keeps it.

passed=0 failed=0 skipped=0
pids=()
work=$(mktemp -d "${TMPDIR:-/tmp}/cutover-judge.XXXXXX") || exit 3
end() {
  local pid
  # A signal may have come while a server was starting.
  jobs -p | grep -qx "${REAL_PID:-none}" && pids+=("$REAL_PID")
  for pid in "${pids[@]}"; do real_kill "$pid"; done
  if [ -n "${JUDGE_KEEP:-}" ]; then printf 'kept: %s\n' "$work"; else rm -rf "$work"; fi
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# check NAME COMMAND…: its output is shown when it fails, and only then.
check() {
  local name=$1 started=$SECONDS
  shift
  if "$@" >"$work/check.log" 2>&1; then
    passed=$((passed + 1))
    printf 'PASS  %s (%s s)\n' "$name" $((SECONDS - started))
  else
    failed=$((failed + 1))
    printf 'FAIL  %s (%s s)\n' "$name" $((SECONDS - started))
    head -c 4000 "$work/check.log" | sed 's/^/      /'
    return 1
  fi
}

# skip NUMBER NAME WHY
skip() { skipped=$((skipped + $1)) && printf 'SKIP  %s (%s checks): %s\n' "$2" "$1" "$3"; }

conclude() {
  printf '%s passed, %s failed, %s skipped\n' "$passed" "$failed" "$skipped"
  [ "$failed" = 0 ] || exit 1
  [ -z "${1:-}" ] || {
    printf 'NOT JUDGED: MySQL %s could not be had (see above); %s checks were not run\n' "$1" "$skipped"
    exit 3
  }
}

# same_tables EXPECTED FOUND: folders of .jsonl, rows as multisets, the same tables in both.
same_tables() {
  local file bad=0
  diff <(cd "$1" && ls ./*.jsonl) <(cd "$2" && ls ./*.jsonl) || { echo 'the tables are not the same'; return 1; }
  for file in "$1"/*.jsonl; do
    local other=$2/${file##*/}
    diff <(head -n 1 "$file") <(head -n 1 "$other") || { echo "${file##*/}: the columns differ"; bad=1; }
    diff <(tail -n +2 "$file" | LC_ALL=C sort) <(tail -n +2 "$other" | LC_ALL=C sort) >"$work/rows.diff" || {
      echo "${file##*/}: $(wc -l <"$file") lines expected, $(wc -l <"$other") found (< expected, > found):"
      grep '^[<>]' "$work/rows.diff" | head -n 6
      bad=1
    }
  done
  return $bad
}

# The GTIDs that the files hold, as the model reads them.
gtids_in() {
  "$cutover" binlog verify --format json "$@" | sed -n 's/^ *"gtids": "\(.*\)",$/\1/p' | sed 's/\\n//g'
}

# Both write a set in one normal form: UUIDs sorted, ranges joined.
same_gtids() {
  local expected=$1 found=$2
  [ "${expected//[[:space:]]/}" = "${found//[[:space:]]/}" ] && return 0
  echo "expected $expected"
  echo "found    $found"
  return 1
}

server_start() {
  real_start "$@" || return
  pids+=("$REAL_PID")
}

# In good order, for their files are read or used again.
servers_stop() {
  local pid
  for pid in "${pids[@]}"; do real_stop "$pid"; done
  pids=()
}

# At once, for nobody wants their data.
servers_kill() {
  local pid
  for pid in "${pids[@]}"; do real_kill "$pid"; done
  pids=()
}
