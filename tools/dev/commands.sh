# shellcheck shell=bash
# What ./dev is asked for.

# What `up` and `demo` run; tests and benches are built by those who run them.
run_targets() {
  printf '%s ' tenantry tenantry-signer
  [ "${1:-}" != --split ] || printf 'tenantry-%s ' "${workers[@]}"
}

command_up() { install_packages; build --target $(run_targets "$@"); start_servers; start_ours "$@"; servers_stay || start_servers; status; console_address; }

command_demo() {  # [--split] [--keep]
  local word keep='' split=()
  for word in "$@"; do
    case $word in
      --keep) keep=1 ;;
      --split) split=(--split) ;;
      *) die "demo takes --split and --keep, not $word" ;;
    esac
  done
  install_packages
  build --target $(run_targets "${split[@]}")
  # A demo starts from nothing and leaves no clock ahead of time behind: it has a stack of its own.
  dev_dir=$dev_dir/demo
  trap 'down' EXIT
  reset
  start_servers
  start_ours "${split[@]}"
  set -a; . "$dev_dir/env"; set +a
  TENANTRY_BIN=$build_dir/bin/tenantry /usr/bin/python3 "$root/tools/demo.py"
  [ -n "$keep" ] || return 0
  trap - EXIT
  say "kept, with its clock ahead by what the story took"
  console_address
  say "to stop it: TENANTRY_DEV_DIR=$dev_dir ./dev down"
}

command_test() {
  install_packages
  install_packages browser
  install_node
  console_packages
  preset=$test_preset build_dir=$root/build
  [ "$preset" = release ] || build_dir=$root/build/$preset
  build
  dev_dir=$dev_dir/test
  trap 'down' EXIT
  reset
  # Tests kill processes, never the machine: what a process has written survives it without fsync.
  pg_fsync=off
  start_servers
  set -a; . "$dev_dir/env"; set +a
  migrate > /dev/null 2>&1
  export TENANTRY_TEST_BUILD_DIR=$build_dir TENANTRY_TEST_DEV_DIR=$dev_dir
  export TENANTRY_TEST_SUPERUSER_URL="postgresql://postgres:$pg_password@127.0.0.1:$pg_port/postgres"
  export TENANTRY_TEST_AMQP_URL="amqp://tenantry-admin:$admin_password@127.0.0.1:$amqp_port/%2F"
  export TENANTRY_TEST_MANAGEMENT_URL=$TENANTRY_AMQP_ADMIN_URL
  export ASAN_OPTIONS=detect_leaks=1:abort_on_error=1 UBSAN_OPTIONS=print_stacktrace=1
  export LSAN_OPTIONS=suppressions=$root/tests/leaks.supp:print_suppressions=0
  local results=$dev_dir/tests.xml code=0
  ctest --test-dir "$build_dir" --output-on-failure --output-junit "$results" -j 2 ${1:+-R "$1"} || code=$?
  [ $code = 0 ] || /usr/bin/python3 "$root/tools/test_failures.py" "$results"
  return $code
}

# The console's bundle from its sources, after the types were checked. What it gives is committed (ADR 27).
command_console() {
  console_packages
  (cd "$root/workers/gateway/console" && node_modules/.bin/tsc -p . && node build.mjs)
}

# Pictures of every view, of a stack of its own that the console's test fills and looks at.
command_screenshots() {
  install_packages
  install_packages browser
  console_packages
  build --target tenantry tenantry-signer
  dev_dir=$dev_dir/screenshots
  trap 'down' EXIT
  reset
  start_servers
  set -a; . "$dev_dir/env"; set +a
  migrate > /dev/null 2>&1
  export TENANTRY_TEST_BUILD_DIR=$build_dir TENANTRY_TEST_DEV_DIR=$dev_dir TENANTRY_SCREENSHOTS=$root/build/screenshots
  export TENANTRY_TEST_SUPERUSER_URL="postgresql://postgres:$pg_password@127.0.0.1:$pg_port/postgres"
  local script pair
  for script in console admin_views tasks; do /usr/bin/python3 "$root/tests/e2e/test_$script.py"; done
  for pair in overview-light:overview signup-light:signup tenant-light:tenant tenant-usage-light:usage health-light:health audit-record:audit home-dark:home \
    proof-fails:proof; do
    cp "$TENANTRY_SCREENSHOTS/${pair%:*}.png" "$root/docs/images/console-${pair#*:}.png"
  done
  say "pictures: $TENANTRY_SCREENSHOTS, and those of docs/console.md in docs/images: look at them before they are committed"
}

command_bench() {
  case " $* " in *' --help '* | *' -h '*) exec /usr/bin/python3 -B "$root/tests/bench/run.py" --help ;; esac
  install_packages
  install_packages bench
  install_packages browser
  install_node
  console_packages
  /usr/bin/python3 -B "$root/tests/bench/run.py" --check "$@"
  build --target benches $(run_targets --split)
  dev_dir=$dev_dir/bench
  trap 'down' EXIT
  reset
  # A quarter of the memory, as PostgreSQL's manual advises for a server that is used in earnest.
  pg_shared_buffers=$(awk '/^MemAvailable/ { mb = int($2 / 4096); print (mb > 4096 ? 4096 : mb < 256 ? 256 : mb) "MB" }' /proc/meminfo)
  rare_statistics=1  # as of a broker of many tenants; tests want to see them at once
  ulimit -n "$(ulimit -Hn)"  # a thousand tenants: as many connections each of ours and of the load, and the broker's
  start_servers
  set -a; . "$dev_dir/env"; set +a
  migrate 2> /dev/null
  "$build_dir/bin/tenantry" topology apply > /dev/null
  export TENANTRY_BENCH_DIR=$dev_dir TENANTRY_BENCH_BUILD_DIR=$build_dir
  export TENANTRY_BENCH_SUPERUSER_URL="postgresql://postgres:$pg_password@127.0.0.1:$pg_port/postgres"
  export TENANTRY_BENCH_DATABASE_PID TENANTRY_BENCH_BROKER_PID
  TENANTRY_BENCH_DATABASE_PID=$(cat "$dev_dir/run/postgres.pid")
  TENANTRY_BENCH_BROKER_PID=$(cat "$dev_dir/rabbitmq/pid")
  /usr/bin/python3 -B "$root/tests/bench/run.py" "$@"
}

# The database is thrown away after each seed: it need not survive anything.
command_simulate() {
  case " $* " in *' --help '* | *' -h '*) exec /usr/bin/python3 -B "$root/tests/simulation/simulate.py" --help ;; esac
  install_packages
  /usr/bin/python3 -B "$root/tests/simulation/simulate.py" --check "$@"
  preset=simulate build_dir=$root/build/simulate
  build --target tenantry_simulate
  dev_dir=$dev_dir/simulate
  trap 'down' EXIT
  reset
  prepare
  # In memory where there is room: a database is made and dropped for each seed, which costs a disk's file system much.
  if [ "$(df --output=avail -k /dev/shm 2> /dev/null | tail -n 1)" -gt 4194304 ] 2> /dev/null; then
    pg_home=$(mktemp -d /dev/shm/tenantry-simulate.XXXXXXXX)
    trap 'stop postgres INT; rm -rf "$pg_home"' EXIT
  fi
  write_env
  say "starting PostgreSQL under $pg_home"
  start_postgres
  superuser -c 'ALTER SYSTEM SET fsync = off' -c 'ALTER SYSTEM SET full_page_writes = off' \
    -c 'ALTER SYSTEM SET synchronous_commit = off' -c 'SELECT pg_reload_conf()' > /dev/null
  set -a; . "$dev_dir/env"; set +a
  export TENANTRY_SIMULATE_BUILD_DIR=$build_dir
  export TENANTRY_TEST_SUPERUSER_URL="postgresql://postgres:$pg_password@127.0.0.1:$pg_port/postgres"
  say "simulating"
  /usr/bin/python3 -B "$root/tests/simulation/simulate.py" "$@"
}

# A run may fill PostgreSQL's disk: a small one in memory, in a mount namespace that ends with the run. Needs root.
command_chaos() {
  case " $* " in *' --help '* | *' -h '* | *' --list '*) exec /usr/bin/python3 -B "$root/tests/chaos/run.py" "$@" ;; esac
  install_packages
  /usr/bin/python3 -B "$root/tests/chaos/run.py" --check "$@"
  if [ -z "${TENANTRY_CHAOS_MOUNTS:-}" ] && [ "$(id -u)" -eq 0 ] && unshare --mount true 2> /dev/null; then
    TENANTRY_DEV_DIR=$dev_dir TENANTRY_PRESET=$preset TENANTRY_CHAOS_MOUNTS=private exec unshare --mount "$root/dev" chaos "$@"
  fi
  build
  dev_dir=$dev_dir/chaos
  trap 'down' EXIT
  reset
  rm -rf "$dev_dir/journal"
  pg_max_wal_size=256MB
  prepare
  if [ -n "${TENANTRY_CHAOS_MOUNTS:-}" ]; then
    mkdir -p "$pg_home"
    if mount -t tmpfs -o size=2g,mode=755 tmpfs "$pg_home" 2> /dev/null; then export TENANTRY_CHAOS_SMALL_DISK=1; fi
  fi
  start_servers
  set -a; . "$dev_dir/env"; set +a
  # The clock is the real one.
  unset TENANTRY_TEST_CLOCK
  migrate 2> /dev/null
  "$build_dir/bin/tenantry" topology apply > /dev/null
  export TENANTRY_CHAOS_DIR=$dev_dir TENANTRY_CHAOS_BUILD_DIR=$build_dir
  export TENANTRY_CHAOS_SUPERUSER_URL="postgresql://postgres:$pg_password@127.0.0.1:$pg_port/tenantry"
  /usr/bin/python3 -B "$root/tests/chaos/run.py" "$@"
}

# Its compiler is clang's, since g++ has no libFuzzer; `./dev test` replays the corpora with g++.
command_fuzz() {
  case " $* " in *' --help '* | *' -h '*) exec /usr/bin/python3 -B "$root/tests/fuzz/fuzz.py" --help ;; esac
  /usr/bin/python3 -B "$root/tests/fuzz/fuzz.py" --check "$@"
  install_packages
  install_packages fuzz
  preset=fuzz build_dir=$root/build/fuzz
  build
  say "fuzzing"
  /usr/bin/python3 -B "$root/tests/fuzz/fuzz.py" "$@"
}
