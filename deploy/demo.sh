#!/bin/bash
# Shows the whole path on real parts: a job scheduled over HTTP reaches an app every second,
# survives kill -9 of the scheduler without losing a tick, and stops when it is deleted.
# usage: deploy/demo.sh BIN_DIR
#
# Every wait has a limit, a failed step ends the demo with what was expected and the ends of the
# logs, and nothing that was started outlives it.
set -euo pipefail

BIN_DIR=$(cd "${1:?usage: $0 BIN_DIR}" && pwd)
readonly BIN_DIR
readonly JOB=jobforjabba
readonly PAYLOAD='Running spice'
readonly START_SECONDS_MAX=10    # from starting a program to its being ready
readonly TRIGGER_SECONDS_MAX=10  # for triggers to arrive while everything runs
readonly CATCH_UP_SECONDS_MAX=15 # for missed ticks to arrive after the restart
readonly STOP_SECONDS_MAX=8      # from SIGTERM to the end of a program
readonly REQUEST_SECONDS_MAX=10
readonly DOWN_SECONDS=3
readonly DEMO_SECONDS_MAX=55     # all of it

# The demo talks to its own programs on loopback only, whatever the caller's settings.
unset "${!BELFRY_@}" NAMESPACE APP_API_TOKEN DAPR_API_TOKEN DAPR_HOST_IP
unset DAPR_SCHEDULER_HOST_ADDRESS_DNS_A
unset http_proxy https_proxy grpc_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY

WORK_DIR=$(mktemp -d "${TMPDIR:-/tmp}/belfry-demo.XXXXXX")
readonly WORK_DIR
declare -A PIDS=()
FAILURE=''
trap 'finish $?' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# ---------------------------------------------------------------------------------------- output

say() { printf '%s\n' "$*"; }
step() { printf '\n== %s\n' "$*"; }

fail() {
  FAILURE=$*
  exit 1
}

# Tells why the demo failed, and how the logs end.
report_failure() {
  say ''
  say "DEMO FAILED: ${FAILURE:-a command ended with an error, see above}"
  local log
  for log in "$WORK_DIR"/*.log; do
    say "---- end of $(basename "$log")"
    tail -n 25 "$log"
  done
}

# ------------------------------------------------------------------------------------- processes

# start NAME PROGRAM ARGUMENT...: runs a program in the background, its output in NAME.log. If this
# script is killed in a way that it cannot handle, the kernel kills the program too.
start() {
  local name=$1
  shift
  say "\$ $(basename "$1") ${*:2}"
  setpriv --pdeathsig KILL -- "$@" >>"$WORK_DIR/$name.log" 2>&1 </dev/null &
  PIDS[$name]=$!
}

running() { kill -0 "${PIDS[$1]}" 2>/dev/null; }

# stop NAME: asks a program to end, and reports how it did.
stop() {
  local name=$1 code=0
  kill -TERM "${PIDS[$name]}"
  wait_until "$STOP_SECONDS_MAX" "$name ends after SIGTERM" not_running "$name"
  wait "${PIDS[$name]}" || code=$?
  unset "PIDS[$name]"
  say "$name ended with exit code $code"
  return "$code"
}

not_running() { ! running "$1"; }

# Runs on every way out.
finish() {
  local code=$1 pid
  trap - EXIT HUP INT TERM
  [ "$code" = 0 ] || report_failure
  {
    for pid in "${PIDS[@]}"; do kill -KILL "$pid" || true; done
    wait || true
  } 2>/dev/null
  rm -rf "$WORK_DIR"
  exit "$code"
}

# ----------------------------------------------------------------------------------------- waits

now_ms() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); }

# wait_until SECONDS DESCRIPTION COMMAND...: repeats a command until it succeeds.
wait_until() {
  local limit_s=$1 description=$2 deadline
  shift 2
  deadline=$(($(now_ms) + limit_s * 1000))
  until "$@"; do
    (($(now_ms) < deadline)) || fail "expected within $limit_s s: $description"
    ((SECONDS < DEMO_SECONDS_MAX)) || fail "expected within $DEMO_SECONDS_MAX s: $description"
    sleep 0.05
  done
}

# wait_ready NAME CHECK...: as wait_until, but a program that has ended is not waited for.
wait_ready() {
  local name=$1
  shift
  wait_until "$START_SECONDS_MAX" "$name is ready" ready_or_dead "$name" "$@"
}

ready_or_dead() {
  running "$1" || fail "expected $1 to run, but it ended"
  "${@:2}"
}

# port FILE KEY: a port that a program wrote when it was ready.
port() {
  python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$@"
}

http_ok() { curl --noproxy '*' -sf -o /dev/null --max-time 1 "$1"; }

# -------------------------------------------------------------------------------------- requests

# request METHOD URL [BODY]: prints the request as one would type it, and the answer; leaves the
# code in HTTP_CODE and the answer's body in HTTP_BODY.
request() {
  local method=$1 url=$2 body=${3:-}
  say "\$ curl -X $method $url -H 'Content-Type: application/json'${body:+ \\}"
  [ -z "$body" ] || say "    -d '$body'"
  local answer
  answer=$(curl --noproxy '*' -sS --max-time "$REQUEST_SECONDS_MAX" -X "$method" "$url" \
    -H 'Content-Type: application/json' ${body:+-d "$body"} -w '\n%{http_code}') ||
    fail "expected an answer to $method $url"
  HTTP_CODE=${answer##*$'\n'}
  HTTP_BODY=${answer%$'\n'*}
  say "HTTP $HTTP_CODE"
  [ -z "$HTTP_BODY" ] || python3 -m json.tool <<<"$HTTP_BODY" || fail "expected JSON: $HTTP_BODY"
}

expect_code() { [ "$HTTP_CODE" = "$1" ] || fail "expected HTTP $1, got $HTTP_CODE: $HTTP_BODY"; }

# The job must read back as it was scheduled.
expect_job() {
  expect_code 200
  JOB_JSON=$HTTP_BODY python3 -c '
import json, os, sys
name, payload = sys.argv[1:]
job = json.loads(os.environ["JOB_JSON"])
wanted = {"name": name, "schedule": "@every 1s", "data": {
    "@type": "type.googleapis.com/google.protobuf.StringValue", "value": payload}}
sys.exit(any(job.get(key) != value for key, value in wanted.items()))' "$JOB" "$PAYLOAD" ||
    fail "expected the job as it was scheduled, got $HTTP_BODY"
}

# -------------------------------------------------------------------------------------- triggers

trigger_lines() { grep -F " job=$JOB body=" "$WORK_DIR/app.log" || true; }
trigger_count() { trigger_lines | wc -l; }
triggers_reach() { (($(trigger_count) >= $1)); }

# Prints the triggers that arrived after the first $1, numbered from the job's first.
show_triggers() { trigger_lines | awk -v first="$1" 'NR > first { print "    #" NR " " $0 }'; }

# Ticks that were due by now: one a second, counted from the creation of the job.
ticks_due() { echo $((($(now_ms) - CREATED_MS) / 1000)); }
caught_up() { (($(trigger_count) >= $(ticks_due) - 1)); }

# ------------------------------------------------------------------------------------ the programs

start_app() {
  start app "$BIN_DIR/belfry-example-app"
  wait_ready app grep -q '^listening on ' "$WORK_DIR/app.log"
  APP_PORT=$(sed -n 's/^listening on .*://p' "$WORK_DIR/app.log")
  say "the app listens on port $APP_PORT"
}

# start_scheduler PORT: 0 takes a free one.
start_scheduler() {
  rm -f "$WORK_DIR/scheduler.json"
  start scheduler "$BIN_DIR/belfry-scheduler" --data-dir="$WORK_DIR/data" \
    --listen-address=127.0.0.1 --port="$1" \
    --healthz-listen-address=127.0.0.1 --healthz-port=0 --metrics-port=0 \
    --ports-file="$WORK_DIR/scheduler.json"
  wait_ready scheduler test -s "$WORK_DIR/scheduler.json"
  SCHEDULER_PORT=$(port "$WORK_DIR/scheduler.json" port)
  local health
  health=http://127.0.0.1:$(port "$WORK_DIR/scheduler.json" healthz_port)/healthz
  wait_ready scheduler http_ok "$health"
  say "the scheduler serves gRPC on port $SCHEDULER_PORT and is healthy: $health"
}

start_sidecar() {
  start sidecar "$BIN_DIR/belfry-sidecar" --app-id=demo --app-port="$APP_PORT" \
    --scheduler-host-address="127.0.0.1:$SCHEDULER_PORT" --dapr-listen-addresses=127.0.0.1 \
    --dapr-http-port=0 --dapr-grpc-port=0 --metrics-port=0 --ports-file="$WORK_DIR/sidecar.json"
  wait_ready sidecar test -s "$WORK_DIR/sidecar.json"
  SIDECAR_URL=http://127.0.0.1:$(port "$WORK_DIR/sidecar.json" http)
  wait_ready sidecar http_ok "$SIDECAR_URL/v1.0/healthz"
  say "the sidecar serves HTTP on $SIDECAR_URL and is healthy"
}

# --------------------------------------------------------------------------------------- the demo

step 'Start the app, the scheduler on an empty directory, and the sidecar'
say "working in $WORK_DIR"
mkdir "$WORK_DIR/data"
start_app
start_scheduler 0
start_sidecar
JOB_URL=$SIDECAR_URL/v1.0-alpha1/jobs/$JOB

step 'Schedule a job that ticks every second'
request POST "$JOB_URL" '{
        "job": {
            "data": {
                "@type": "type.googleapis.com/google.protobuf.StringValue",
                "value": "'"$PAYLOAD"'"
            },
            "schedule": "@every 1s"
        }
    }'
CREATED_MS=$(now_ms)
expect_code 204

step 'Read it back'
request GET "$JOB_URL"
expect_job

step 'Triggers arrive at the app'
wait_until "$TRIGGER_SECONDS_MAX" '3 triggers at the app' triggers_reach 3
show_triggers 0
[ "$(trigger_lines | grep -vcF " body=$PAYLOAD")" = 0 ] ||
  fail "expected the body \"$PAYLOAD\" in every trigger"

step "Kill the scheduler with SIGKILL and leave it down for $DOWN_SECONDS s"
say "\$ kill -9 ${PIDS[scheduler]}"
{
  kill -KILL "${PIDS[scheduler]}"
  wait "${PIDS[scheduler]}" || true
} 2>/dev/null # the shell would report it as an accident
before=$(trigger_count)
sleep "$DOWN_SECONDS"
say "triggers so far: $(trigger_count); ticks due so far: $(ticks_due)"
(($(trigger_count) == before)) || fail "expected no trigger while the scheduler is down"

step 'Start it again on the same directory: the job is there, and the missed ticks arrive'
start_scheduler "$SCHEDULER_PORT"
request GET "$JOB_URL"
expect_job
wait_until "$CATCH_UP_SECONDS_MAX" 'every tick that was due has reached the app' caught_up
after=$(trigger_count)
wait_until "$TRIGGER_SECONDS_MAX" '2 more triggers, on time' triggers_reach $((after + 2))
show_triggers "$before"
# Read the clock first: a tick that comes due between the two readings is not counted as lost.
due=$(ticks_due)
received=$(trigger_count)
say "triggers received: $received; ticks due since the job was created: $due"
((received >= due - 1 && received <= due + 1)) ||
  fail "expected as many triggers as ticks were due, give or take one: $received against $due"
say 'no due tick was lost'

step 'Delete the job: it stops'
request DELETE "$JOB_URL"
expect_code 204
sleep 0.5 # a trigger that was on its way may still arrive
stopped_at=$(trigger_count)
sleep 2.5
say "triggers when it was deleted: $stopped_at; 2.5 s later: $(trigger_count)"
(($(trigger_count) == stopped_at)) || fail 'expected no trigger of a deleted job'
request GET "$JOB_URL"
expect_code 500 # what the API reference has for a job that does not exist

step 'Stop everything'
stop sidecar || fail 'expected the sidecar to end with exit code 0'
stop scheduler || fail 'expected the scheduler to end with exit code 0'
kill -TERM "${PIDS[app]}"
wait "${PIDS[app]}" 2>/dev/null || true
unset 'PIDS[app]'

say ''
say "Demo passed in $SECONDS s: the job survived a crash of the scheduler and no tick was lost."
