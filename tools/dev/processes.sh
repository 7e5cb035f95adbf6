# shellcheck shell=bash
# Processes, stopped by the id they were started with.

alive() { [ -f "$dev_dir/run/$1.pid" ] && kill -0 "$(cat "$dev_dir/run/$1.pid")" 2>/dev/null; }

# What a process of ours is not told: who owns the database, who may do everything in it, and who signs the audit logs.
forget_foreign_secrets() {  # signer | others
  unset TENANTRY_DATABASE_URL TENANTRY_SANDBOX_DATABASE_URL TENANTRY_ANALYST_DATABASE_URL
  if [ "$1" = signer ]; then
    local name
    for name in "${workers[@]}"; do unset "TENANTRY_${name^^}_DATABASE_URL" "TENANTRY_${name^^}_AMQP_URL"; done
    unset TENANTRY_RUNTIME_DATABASE_URL TENANTRY_ADMIN_TOKEN TENANTRY_STRIPE_WEBHOOK_SECRET TENANTRY_MASTER_KEY TENANTRY_AMQP_URL \
      TENANTRY_WORKERS_AMQP_URL TENANTRY_AMQP_ADMIN_URL TENANTRY_AMQP_MONITOR_URL TENANTRY_SMTP_URL
  else
    unset TENANTRY_SIGNER_DATABASE_URL TENANTRY_SIGNER_KEYS TENANTRY_SIGNER_STATE
  fi
}

# A worker in a process of its own is not told the others' secrets either.
forget_other_workers() {  # NAME
  local name
  for name in "${workers[@]}"; do
    [ "$name" = "$1" ] || unset "TENANTRY_${name^^}_DATABASE_URL" "TENANTRY_${name^^}_AMQP_URL"
  done
  unset TENANTRY_WORKERS_AMQP_URL
  case $1 in provisioning) ;; *) unset TENANTRY_AMQP_ADMIN_URL ;; esac
  case $1 in gateway) ;; *) unset TENANTRY_ADMIN_TOKEN TENANTRY_STRIPE_WEBHOOK_SECRET ;; esac
  case $1 in gateway | provisioning) ;; *) unset TENANTRY_AMQP_MONITOR_URL ;; esac
  case $1 in gateway | audit | signup | provisioning | notification) ;; *) unset TENANTRY_MASTER_KEY ;; esac
  case $1 in notification) ;; *) unset TENANTRY_SMTP_URL ;; esac
}

start() {  # NAME COMMAND...: in the background, its output in log/NAME.log
  local name=$1; shift
  setsid "$@" >> "$dev_dir/log/$name.log" 2>&1 < /dev/null &
  echo $! > "$dev_dir/run/$name.pid"
}

stop() {  # NAME [SIGNAL]: asks, waits up to 20 s, insists
  local pid; [ -f "$dev_dir/run/$1.pid" ] || return 0
  pid=$(cat "$dev_dir/run/$1.pid")
  if kill "-${2:-TERM}" "$pid" 2>/dev/null; then
    timeout 20 tail --pid="$pid" -f /dev/null || kill -KILL "$pid" 2>/dev/null || true
  fi
  rm -f "$dev_dir/run/$1.pid"
}

await_either() {  # COMMAND SECONDS PROCESS: until the command succeeds or the process has ended
  local limit=$((SECONDS + $2))
  until "$1" > /dev/null 2>&1 || ! alive "$3" || [ $SECONDS -ge $limit ]; do read -r -t 0.1 < <(:) || true; done
}

await() {  # WHAT SECONDS PROCESS COMMAND...: until the command succeeds, while the process lives
  local what=$1 limit=$((SECONDS + $2)) process=$3; shift 3
  until "$@" > /dev/null 2>&1; do
    alive "$process" || { tail -n 20 "$dev_dir/log/$process.log" >&2; die "$what did not start; see $dev_dir/log/$process.log"; }
    [ $SECONDS -lt $limit ] || die "$what is not ready after a long wait; see $dev_dir/log/$process.log"
    read -r -t 0.1 < <(:) || true
  done
}
