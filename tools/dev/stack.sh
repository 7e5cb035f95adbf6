# shellcheck shell=bash
# The stack: the servers, and our processes on them.

start_servers() {
  prepare
  write_env
  say "starting PostgreSQL, RabbitMQ and the mail sink under $dev_dir"
  start_postgres
  start_rabbitmq
  alive mail || start mail /usr/bin/python3 "$root/tools/mail_sink.py" --port "$smtp_port" --dir "$dev_dir/mail"
}

# The audit log's guard (migrations/guard.sql) lets a migration of its schema through only while a superuser has it disarmed.
migrate() {
  superuser -d tenantry -1 -f "$root/migrations/guard.sql" > /dev/null
  local applied; applied=$(superuser -d tenantry -c 'SELECT count(*) FROM schema_migrations' 2> /dev/null || echo 0)
  local armed; armed=$(superuser -d tenantry -c 'SELECT count(*) FROM guard.baseline')
  if [ "$applied" -eq "$(find "$root/migrations" -name '[0-9][0-9][0-9][0-9]_*.sql' | wc -l)" ] && [ "$armed" -gt 0 ]; then return; fi
  superuser -d tenantry -c 'SELECT guard.disarm()'
  "$build_dir/bin/tenantry" migrate >&2
  superuser -d tenantry -c 'SELECT guard.arm()'
}

start_ours() {  # [--split]
  set -a; . "$dev_dir/env"; set +a
  migrate
  "$build_dir/bin/tenantry" topology apply --tenants >&2  # those that there are may lack what is new
  local name
  if [ "${1:-}" = --split ]; then
    for name in "${workers[@]}"; do
      alive "tenantry-$name" || (forget_foreign_secrets others; forget_other_workers "$name"; start "tenantry-$name" "$build_dir/bin/tenantry-$name")
    done
    await "the gateway" 30 tenantry-gateway curl -sf "http://127.0.0.1:$http_port/readyz"
  else
    alive tenantry || (forget_foreign_secrets others; start tenantry "$build_dir/bin/tenantry" run --workers all)
    await Tenantry 30 tenantry curl -sf "http://127.0.0.1:$http_port/readyz"
  fi
  # Never in a process with the workers: it alone holds the key.
  alive tenantry-signer || (forget_foreign_secrets signer; start tenantry-signer "$build_dir/bin/tenantry-signer")
  say "ready: http://127.0.0.1:$http_port (settings: . $dev_dir/env)"
}

# By this name: a browser takes the console's cookie over plain HTTP from localhost alone.
console_address() {
  say "console: http://localhost:$http_port/ (super-admins: http://localhost:$http_port/login?as=token, by admin_token of $dev_dir/secrets)"
}

stop_ours() {
  local name
  for name in tenantry "${workers[@]/#/tenantry-}" tenantry-signer; do stop "$name"; done
}

down() {
  [ -f "$dev_dir/ports" ] || return 0
  prepare
  stop_ours
  stop mail
  stop_rabbitmq
  stop postgres INT
}

reset() {
  down
  [ -n "${pg_home:-}" ] && [ "$pg_home" != "$dev_dir/postgres" ] && rm -rf "$pg_home"
  rm -rf "$dev_dir"/{postgres,rabbitmq,mail,log,run,env} "$dev_dir"/signer/state*
}

status() {
  [ -f "$dev_dir/ports" ] || { echo "nothing has been started; try ./dev up"; return; }
  . "$dev_dir/ports"
  local name port
  for name in postgres:$pg_port rabbitmq:$amqp_port mail:$smtp_port tenantry:$http_port "${workers[@]/#/tenantry-}" tenantry-signer; do
    port=${name#*:}; [ "$port" = "$name" ] && port=
    name=${name%%:*}
    if alive "$name"; then printf '%-24s running  pid %-8s %s\n' "$name" "$(cat "$dev_dir/run/$name.pid")" "${port:+port $port}"
    elif [ -n "$port" ]; then printf '%-24s stopped\n' "$name"; fi
  done
}
