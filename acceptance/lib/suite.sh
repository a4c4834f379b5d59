# shellcheck shell=bash
# The frame of an acceptance suite: a home of its own, clouds of its own that
# are gone at the end, cases one by one, and their sum in the last line.
#
#   suite cli                      names the suite and makes its folder ($WORK)
#   cloud_start [flags of up]      starts a cloud; sets $ENDPOINT and $CLOUD
#   warm_aws ec2 sts               starts the aws CLI once for all its commands
#   run_case "what must be so" f   runs the function f under set -e
#   skip_case "what" "why"         says loudly that a case did not run
#
# A suite ends through `finish`, which stops what it started.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
PASSED=0 FAILED=0 SKIPPED=0
# How many seconds at least what must come is waited for: it only ends what would
# wait for ever, however slow the machine.
PATIENCE=120
CLOUDS=()

suite() {
  SUITE=$1
  PILEUS=$(realpath -m "${PILEUS:-$ROOT/bin/pileus}")
  WORK=$(mktemp -d "${TMPDIR:-/tmp}/pileus-acceptance-$SUITE.XXXXXX")
  fresh_home
  trap finish EXIT
  trap 'exit 130' INT TERM
  if ! [ -x "$PILEUS" ]; then
    echo "FAIL there is no $PILEUS: run make build first"
    FAILED=1
    exit 1
  fi
}

# fresh_home hides the user's own configuration, so that only what a suite sets
# is in force, and prefers the clients that scripts/setup installed.
fresh_home() {
  local v
  for v in $(compgen -e); do
    case $v in
      AWS_*|PILEUS_*|XDG_*|LOCALSTACK_*|EDGE_PORT|GATEWAY_LISTEN|PERSISTENCE|ENFORCE_IAM|S3_HOSTNAME|USE_SSL) unset "$v" ;;
    esac
  done
  export HOME=$WORK/home
  mkdir -p "$HOME"
  export PATH="$ROOT/.venv/bin:$(dirname "$PILEUS"):$PATH"
  export AWS_PAGER='' AWS_EC2_METADATA_DISABLED=true NO_PROXY='*' no_proxy='*'
  export PILEUS_PLANE=sim # nothing is made in the kernel but by the suite of machines
}

# sum FILE: prints what a part of this suite wrote that ran by itself, and
# counts what its last line says. Without such a line, something failed.
sum() {
  local p f s
  grep -v "^$SUITE: [0-9]* passed" "$1"
  read -r p f s < <(sed -n "s/^$SUITE: \([0-9]*\) passed, \([0-9]*\) failed, \([0-9]*\) skipped\$/\1 \2 \3/p" "$1")
  PASSED=$((PASSED + ${p:-0})) FAILED=$((FAILED + ${f:-1})) SKIPPED=$((SKIPPED + ${s:-0}))
}

# cloud_start starts a cloud on a free port and waits for its ready line. A suite
# without its cloud ends.
cloud_start() {
  cloud_try "$@" && return
  echo "FAIL the cloud did not come up:"
  cat "$CLOUD_DIR/out" "$CLOUD_DIR/log"
  FAILED=$((FAILED + 1))
  exit 1
}

# cloud_try is cloud_start where a cloud may be refused: it fails.
cloud_try() {
  local dir="$WORK/cloud-${#CLOUDS[@]}"
  mkdir -p "$dir"
  "$PILEUS" up --data-dir "$dir/data" --port 0 "$@" >"$dir/out" 2>"$dir/log" &
  CLOUD=$!
  CLOUDS+=("$CLOUD") CLOUD_DIR=$dir
  local end=$((SECONDS + PATIENCE))
  while [ $SECONDS -lt $end ]; do
    if grep -qsx 'Ready\.' "$dir/out"; then
      ENDPOINT=$(sed -n 's/^ *endpoint *//p' "$dir/out")
      return
    fi
    kill -0 "$CLOUD" 2>/dev/null || return 1
    sleep 0.1
  done
  return 1
}

# cloud_stop PID asks a cloud to end and waits until it is gone.
cloud_stop() {
  kill "$1" 2>/dev/null && wait "$1" 2>/dev/null
  return 0
}

# warm_aws SERVICE... puts an aws before others that is the same CLI, started
# already: warm_aws.py says how. Where the CLI is not a Python package (version
# 2 comes in one piece) it is left as it is.
warm_aws() {
  local python tries
  [ -z "${WARM:-}" ] || return 0
  python=$(dirname "$(command -v aws)")/python3
  "$python" -c 'import awscli' 2>/dev/null || return 0
  mkdir -p "$WORK/warm"
  "$python" "$ROOT/acceptance/lib/warm_aws.py" "$WORK/warm/socket" "$WORK/warm/aws" "$@" &
  WARM=$!
  for ((tries = 0; tries < 600; tries++)); do
    if [ -x "$WORK/warm/aws" ]; then
      export PATH="$WORK/warm:$PATH"
      hash -r
      return
    fi
    kill -0 "$WARM" 2>/dev/null || break
    sleep 0.1
  done
  echo 'the aws CLI could not be started beforehand: every command starts it'
}

# as_client exports what clients need to reach $ENDPOINT as root.
as_client() {
  export AWS_ENDPOINT_URL=$ENDPOINT AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test
  export AWS_DEFAULT_REGION=us-east-1 AWS_REGION=us-east-1 PILEUS_ENDPOINT=$ENDPOINT
}

# run_case runs a function in a subshell that ends at its first failing
# command, and shows its output when it fails.
run_case() {
  local name=$1 log="$WORK/case-$((PASSED + FAILED)).log" rc start=$EPOCHREALTIME
  shift
  (set -Eeuo pipefail; trap 'echo "  at line $LINENO of $(basename "${BASH_SOURCE[0]}"): $BASH_COMMAND"' ERR; "$@") >"$log" 2>&1 </dev/null
  rc=$?
  local took
  took=$(awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1fs", b - a }')
  if [ $rc = 0 ]; then
    PASSED=$((PASSED + 1))
    echo "ok   $name ($took)"
    return
  fi
  FAILED=$((FAILED + 1))
  echo "FAIL $name ($took)"
  { tail -n 40 "$log"; explain 2>&1 </dev/null; } | sed 's/^/       /'
}

# explain says, after a case that failed, what may have been the cause. A suite
# that knows more has one of its own.
explain() { explain_log "${CLOUD_DIR:-}/log"; }
explain_log() {
  [ -s "$1" ] || return 0
  echo "-- the last that $1 says:"
  tail -n 15 "$1"
}

skip_case() {
  SKIPPED=$((SKIPPED + 1))
  echo "SKIPPED $1: $2"
}

finish() {
  local rc=$? pid
  trap - EXIT
  for pid in "${CLOUDS[@]}"; do cloud_stop "$pid"; done
  [ -z "${WARM:-}" ] || kill "$WARM" 2>/dev/null
  if [ -n "${KEEP:-}" ]; then echo "kept: $WORK"; else rm -rf "$WORK"; fi
  echo "$SUITE: $PASSED passed, $FAILED failed, $SKIPPED skipped"
  [ "$rc" = 0 ] && [ "$FAILED" = 0 ]
  exit $? # alone it would be what came before the trap
}

# What cases say.

# equal WANT GOT
equal() {
  [ "$1" = "$2" ] && return
  printf 'want %q\ngot  %q\n' "$1" "$2"
  return 1
}

# has TEXT reads standard input, which must contain the text.
has() {
  local got
  got=$(cat)
  case $got in *"$1"*) return ;; esac
  printf 'want something with %q\ngot  %s\n' "$1" "$got"
  return 1
}

# hasnt TEXT reads standard input, which must not contain the text.
hasnt() {
  local got
  got=$(cat)
  case $got in *"$1"*) printf 'want nothing with %q\ngot  %s\n' "$1" "$got"; return 1 ;; esac
}

# refused TEXT command...: the command must fail and say the text.
refused() {
  local want=$1 out
  shift
  if out=$("$@" 2>&1); then
    printf 'want it refused with %q\ngot  %s\n' "$want" "$out"
    return 1
  fi
  has "$want" <<<"$out"
}

# eventually command...: tries until it succeeds.
eventually() {
  local end=$((SECONDS + PATIENCE))
  while [ $SECONDS -lt $end ]; do
    if "$@" >"$WORK/eventually.log" 2>&1; then return; fi
    sleep 0.25
  done
  cat "$WORK/eventually.log"
  return 1
}
