# shellcheck shell=bash
# Private servers: PostgreSQL, RabbitMQ, a mail sink.

# Passwords go by the environment: everybody may read the arguments of a process.
superuser() { PGPASSWORD=$pg_password TENANTRY_OWNER_PASSWORD=$owner_password TENANTRY_SERVICE_PASSWORD=$service_password psql -h 127.0.0.1 -p "$pg_port" -U postgres -v ON_ERROR_STOP=1 -qAt "$@"; }

start_postgres() {
  if [ ! -f "$pg_home/data/PG_VERSION" ]; then
    mkdir -p "$pg_home"
    printf %s "$pg_password" | private_file "$pg_home/password"
    [ "$(id -u)" -ne 0 ] || chown -R postgres:postgres "$pg_home"
    as_postgres $pg_bin/initdb -D "$pg_home/data" -U postgres --pwfile="$pg_home/password" -A scram-sha-256 \
      --data-checksums -E UTF8 --locale=C.UTF-8 --lc-collate=C > "$dev_dir/log/initdb.log" 2>&1 || die "initdb failed; see $dev_dir/log/initdb.log"
    rm -f "$pg_home/password"
  fi
  alive postgres || start postgres "${postgres_user[@]}" $pg_bin/postgres -D "$pg_home/data" -p "$pg_port" -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
    -c max_connections=200 -c "shared_buffers=$pg_shared_buffers" -c "fsync=$pg_fsync" -c "full_page_writes=$pg_fsync" -c timezone=UTC -c log_timezone=UTC -c "max_wal_size=$pg_max_wal_size"
  await PostgreSQL 60 postgres superuser -c 'SELECT 1'
  superuser -f "$root/migrations/roles.sql" > /dev/null
  [ "$(superuser -c "SELECT 1 FROM pg_database WHERE datname = 'tenantry'")" = 1 ] ||
    superuser -c 'CREATE DATABASE tenantry OWNER tenantry_owner' -c 'REVOKE CONNECT, TEMP ON DATABASE tenantry FROM PUBLIC'
  # Each time: a role may be newer than the database.
  superuser -c "GRANT CONNECT ON DATABASE tenantry TO $(superuser -c "SELECT string_agg(rolname, ', ') FROM pg_roles WHERE rolname LIKE 'tenantry\\_%' AND rolname <> 'tenantry_sandbox'")"
}

start_rabbitmq() {
  local home=$dev_dir/rabbitmq
  mkdir -p "$home"
  if [ ! -f "$home/.erlang.cookie" ]; then
    printf %s "$cookie" | private_file "$home/.erlang.cookie"
    chmod 400 "$home/.erlang.cookie"
  fi
  echo '[rabbitmq_management].' > "$home/enabled_plugins"
  # net_ticktime: with the default, every vhost wakes four times a second (docs/PERFORMANCE of many vhosts).
  # nodelay: the broker's own default, which any other tcp_listen_options line would silently take away.
  private_file "$home/rabbitmq.conf" <<EOF
listeners.tcp.1 = 127.0.0.1:$amqp_port
management.tcp.ip = 127.0.0.1
management.tcp.port = $management_port
default_user = tenantry-admin
default_pass = $admin_password
default_user_tags.administrator = true
loopback_users = none
net_ticktime = 3600
max_message_size = 1048576
tcp_listen_options.backlog = 4096
tcp_listen_options.nodelay = true
disk_free_limit.absolute = 50MB
log.console = false
log.file.level = warning
EOF
  [ -z "$rare_statistics" ] || grep -E '^(collect_statistics_interval|management\.)' "$root/tools/compose_rabbitmq.conf" >> "$home/rabbitmq.conf"
  # One that was told to end is neither up nor gone for some seconds.
  ! alive rabbitmq || await_either broker_answers 90 rabbitmq
  if ! alive rabbitmq; then
    HOME=$home ERL_EPMD_PORT=$epmd_port ERL_EPMD_ADDRESS=127.0.0.1 RABBITMQ_NODENAME="tenantry-$amqp_port@localhost" \
      RABBITMQ_DIST_PORT=$dist_port RABBITMQ_MNESIA_BASE=$home/mnesia RABBITMQ_LOG_BASE=$dev_dir/log \
      RABBITMQ_CONFIG_FILE=$home/rabbitmq.conf RABBITMQ_ENABLED_PLUGINS_FILE=$home/enabled_plugins \
      RABBITMQ_PID_FILE=$home/pid RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}' \
      RABBITMQ_CONF_ENV_FILE=/dev/null start rabbitmq /usr/lib/rabbitmq/bin/rabbitmq-server
  fi
  await RabbitMQ 90 rabbitmq broker_answers
}

# Whoever was on the way down when we looked has gone since.
servers_stay() { alive postgres && alive mail && alive rabbitmq && broker_answers > /dev/null 2>&1; }

broker_answers() {
  curl -sf --config <(printf 'user = "tenantry-admin:%s"\n' "$admin_password") "http://127.0.0.1:$management_port/api/overview"
}

stop_rabbitmq() {
  alive rabbitmq || return 0
  # The recorded id is the start script's, whose child is the broker.
  local script; script=$(cat "$dev_dir/run/rabbitmq.pid")
  local broker; broker=$(cat "$dev_dir/rabbitmq/pid" 2>/dev/null || true)
  [ -z "$broker" ] || kill -TERM "$broker" 2>/dev/null || true
  [ -z "$broker" ] || timeout 20 tail --pid="$broker" -f /dev/null || kill -KILL "$broker" 2>/dev/null || true
  kill -TERM "$script" 2>/dev/null || true
  rm -f "$dev_dir/run/rabbitmq.pid"
  HOME=$dev_dir/rabbitmq ERL_EPMD_PORT=$epmd_port epmd -kill > /dev/null 2>&1 || true
}
