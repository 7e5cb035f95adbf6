# shellcheck shell=bash
# A checkout's own ports, secrets and settings, chosen once.

# FILE: what comes on the standard input, for nobody else to read at any time.
private_file() { (umask 077; rm -f "$1"; cat > "$1"); }

prepare() {
  mkdir -p "$dev_dir"/{run,log,mail}
  chmod 700 "$dev_dir/mail"  # people's mails
  if [ ! -f "$dev_dir/ports" ]; then
    local p; read -r -a p <<< "$(/usr/bin/python3 -B "$root/tools/free_ports.py" 7)"
    printf 'pg_port=%s\namqp_port=%s\nmanagement_port=%s\nepmd_port=%s\ndist_port=%s\nsmtp_port=%s\nhttp_port=%s\n' "${p[@]}" > "$dev_dir/ports"
  fi
  . "$dev_dir/ports"
  if [ ! -f "$dev_dir/secrets" ]; then
    private_file "$dev_dir/secrets" < <(
      for name in pg_password owner_password service_password amqp_password admin_password cookie; do echo "$name=$(openssl rand -hex 20)"; done
      echo "admin_token=$(openssl rand -hex 32)"
      echo "stripe_secret=whsec_$(openssl rand -hex 24)"
      echo "master_key=$(openssl rand -base64 32)")
  fi
  chmod 600 "$dev_dir/secrets"  # of a checkout that an older ./dev made
  . "$dev_dir/secrets"
  # The audit signer's key, in a folder that PostgreSQL's user cannot enter.
  if [ ! -f "$dev_dir/signer/key.pem" ]; then
    (umask 077; mkdir -p "$dev_dir/signer"; openssl genpkey -algorithm ed25519 -out "$dev_dir/signer/key.pem")
  fi
  # PostgreSQL refuses to run as root: it then runs as the package's own user, which must be able to reach its data.
  pg_home=$dev_dir/postgres
  if [ "$(id -u)" -eq 0 ]; then
    mkdir -p "$pg_home"
    if ! as_postgres test -x "$pg_home"; then
      pg_home=/var/tmp/tenantry-$(printf %s "$dev_dir" | sha256sum | cut -c1-16)
    fi
  fi
}

# PostgreSQL's processes: as its own user where we are root, else as ourselves.
postgres_user=()
[ "$(id -u)" -ne 0 ] || postgres_user=(setpriv --reuid postgres --regid postgres --clear-groups)
as_postgres() { "${postgres_user[@]}" "$@"; }

write_env() {
  local database="127.0.0.1:$pg_port/tenantry" broker="127.0.0.1:$amqp_port" name
  (umask 077
   {
     echo "export TENANTRY_URL=http://127.0.0.1:$http_port"
     echo "export TENANTRY_HTTP_ADDRESS=127.0.0.1"
     echo "export TENANTRY_HTTP_PORT=$http_port"
     echo "export TENANTRY_ADMIN_TOKEN=$admin_token"
     echo "export TENANTRY_STRIPE_WEBHOOK_SECRET=$stripe_secret"
     echo "export TENANTRY_MASTER_KEY=$master_key"
     echo "export TENANTRY_AMQP_URL=amqp://tenantry-publisher:$amqp_password@$broker/platform"
     echo "export TENANTRY_WORKERS_AMQP_URL=amqp://tenantry-workers:$amqp_password@$broker/platform"
     echo "export TENANTRY_AMQP_ADMIN_URL=http://tenantry-admin:$admin_password@127.0.0.1:$management_port"
     echo "export TENANTRY_AMQP_MONITOR_URL=http://tenantry-monitor:$amqp_password@127.0.0.1:$management_port"
     echo "export TENANTRY_DATABASE_URL=postgresql://tenantry_owner:$owner_password@$database"
     echo "export TENANTRY_SANDBOX_DATABASE_URL=postgresql://tenantry_sandbox:$service_password@127.0.0.1:$pg_port/postgres"
     echo "export TENANTRY_ANALYST_DATABASE_URL=postgresql://tenantry_analyst:$service_password@$database"
     echo "export TENANTRY_RUNTIME_DATABASE_URL=postgresql://tenantry_runtime:$service_password@$database"
     for name in "${workers[@]}"; do
       echo "export TENANTRY_${name^^}_DATABASE_URL=postgresql://tenantry_$name:$service_password@$database"
       echo "export TENANTRY_${name^^}_AMQP_URL=amqp://tenantry-$name:$amqp_password@$broker/platform"
     done
     echo "export TENANTRY_SIGNER_DATABASE_URL=postgresql://tenantry_signer:$service_password@$database"
     echo "export TENANTRY_SIGNER_KEYS=$dev_dir/signer/key.pem"
     echo "export TENANTRY_SIGNER_STATE=$dev_dir/signer/state"
     echo "export TENANTRY_AUDIT_KEYS=$({ printf '\001'; openssl pkey -in "$dev_dir/signer/key.pem" -pubout -outform DER | tail -c 32; } | base64)"
     echo "export TENANTRY_SMTP_URL=smtp://127.0.0.1:$smtp_port"
     echo "export TENANTRY_MAIL_DIR=$dev_dir/mail"
     echo "export TENANTRY_TEST_CLOCK=1"
   } > "$dev_dir/env.new")
  mv "$dev_dir/env.new" "$dev_dir/env"
}
