# shellcheck shell=bash
# What build, up, down and kwok-load share: where things lie, Debian packages, processes.
# Sourced, never run. The caller has already said `set -euo pipefail`.
# shellcheck disable=SC2034 # most of these names are used by the scripts that source this one

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CACHE=${ESCALATE_TEST_CACHE:-$HOME/.cache/kubectl-escalate-tests}
BUILT=$CACHE/built   # one folder per built thing and hash of its inputs
BIN=$CACHE/bin       # links to the current ones; this is what goes into PATH
IMAGES=$CACHE/images # importable image archives
RUN=$CACHE/run       # everything that belongs to the running cluster
PKI=$RUN/pki
LOGS=$RUN/log

# The bridge's address is the node's: pods and the API server both reach it.
NODE_NAME=node1
NODE_IP=10.244.0.1
POD_SUBNET=10.244.0.0/24
POD_CIDR=10.244.0.0/16
FAKE_POD_CIDR=10.245.0.0/16 # addresses of kwok's pods, where nobody is
BRIDGE=cni0
# Ports of our own: a packaged etcd or another cluster may already hold the usual ones.
ETCD_PORT=12379
ETCD_PEER_PORT=12380
API_PORT=16443
METRICS_PORT=14443
KWOK_PORT=10347
CONTAINERD_SOCK=$RUN/containerd/sock

# Messages go to stderr: the only output on stdout is what a caller may want to evaluate.
say() { echo "$*" >&2; }
die() { say "$*"; exit 1; }

# One script at a time per cache folder. File descriptor 9 holds the lock; every process that
# outlives the script is started without it, or it would hold the lock for as long as it lives.
take_lock() {
  mkdir -p "$CACHE"
  exec 9>"$CACHE/lock"
  if ! flock -n 9; then
    say "waiting for another build, up or down on $CACHE"
    flock 9
  fi
}

# ---- Debian packages -------------------------------------------------------------------------

# install_missing PACKAGE...: does nothing at all, not even an update, when all are there.
install_missing() {
  local package missing=()
  for package in "$@"; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  say "installing: ${missing[*]}"
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" 9>&-; } >&2 ||
    die "could not install: ${missing[*]}"
}

# ---- Processes -------------------------------------------------------------------------------
# run/NAME.pid holds "PID START BOOT": a process id alone may have gone to another process since,
# after a restart of the machine even to one started at the same tick.
# run/NAME.settings holds a hash of its command line and configuration files.

# The start time of a process in ticks since boot; nothing if there is none, or only a zombie.
start_tick() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
  stat=${stat##*) } # the name in parentheses may hold spaces
  local fields
  read -ra fields <<<"$stat"
  [ "${fields[0]}" = Z ] || echo "${fields[19]}"
}

# running NAME: is the process that was recorded under this name alive?
running() {
  local pid tick boot
  read -r pid tick boot 2>/dev/null <"$RUN/$1.pid" || return 1
  [ "$boot" = "$(cat /proc/sys/kernel/random/boot_id)" ] && [ "$(start_tick "$pid")" = "$tick" ]
}

# start NAME [--file CONFIG]... -- COMMAND ARG...: leaves a running process alone if it runs with
# exactly these settings, and restarts it otherwise.
start() {
  local name=$1 config=()
  shift
  while [ "$1" != -- ]; do
    config+=("$2")
    shift 2
  done
  shift
  local settings
  settings=$({ printf '%s\n' "$(readlink -f "$(command -v "$1")")" "$@"; [ ${#config[@]} -eq 0 ] || cat "${config[@]}"; } | sha256sum)
  if running "$name"; then
    [ "$settings" = "$(cat "$RUN/$name.settings" 2>/dev/null)" ] && return 0
    say "restarting $name: its settings changed"
    stop "$name"
  fi
  [ ! -f "$LOGS/$name.log" ] || mv "$LOGS/$name.log" "$LOGS/$name.previous.log"
  setsid nohup "$@" </dev/null >"$LOGS/$name.log" 2>&1 9>&- &
  local pid=$!
  echo "$pid $(start_tick "$pid") $(cat /proc/sys/kernel/random/boot_id)" >"$RUN/$name.pid"
  echo "$settings" >"$RUN/$name.settings"
}

# stop NAME: asks, waits up to 15 s, then kills. A process that a test has stopped with SIGSTOP
# would never see the request, hence SIGCONT.
stop() {
  local name=$1 pid
  if running "$name"; then
    read -r pid _ <"$RUN/$name.pid"
    kill -TERM "$pid" 2>/dev/null || true
    kill -CONT "$pid" 2>/dev/null || true
    for _ in $(seq 150); do
      running "$name" || break
      sleep 0.1
    done
    if running "$name"; then
      kill -KILL "$pid" 2>/dev/null || true
      for _ in $(seq 50); do
        running "$name" || break
        sleep 0.1
      done
    fi
  fi
  rm -f "$RUN/$name.pid" "$RUN/$name.settings"
}

# wait_for NAME SECONDS WHAT COMMAND...: repeats the command until it succeeds. Gives up early when
# the process has ended, and then says which one it was and shows the end of its log.
wait_for() {
  local name=$1 seconds=$2 what=$3 deadline
  shift 3
  deadline=$(($(date +%s) + seconds))
  until "$@" >/dev/null 2>&1; do
    running "$name" || fail "$name" "$name ended before $what"
    [ "$(date +%s)" -lt "$deadline" ] || fail "$name" "after $seconds s still waiting for $name: $what"
    sleep 0.2
  done
}

fail() {
  say "$2; the end of $LOGS/$1.log:"
  tail -n 20 "$LOGS/$1.log" >&2 || true
  exit 1
}

kubectl_admin() { "$BIN/kubectl" --kubeconfig "$RUN/admin.kubeconfig" "$@"; }
