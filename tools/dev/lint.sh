# shellcheck shell=bash
# What CI looks at before it tests, and what takes longer.

sources() { find shared events workers tests cmake \( -name '*.cpp' -o -name '*.h' \) "$@"; }

# Dashboards, by the types that Grafana publishes of them.
lint_dashboards() {
  local home=$root/build/npm/grafana board
  command -v npm > /dev/null || install_packages node
  [ -x "$home/node_modules/.bin/tsc" ] || npm install --prefix "$home" --silent --no-audit --no-fund --ignore-scripts \
    @grafana/schema@13.2.3 typescript@7.0.2 > /dev/null
  rm -f "$home"/*.ts
  cp tools/grafana_board.ts "$home/board.ts"
  for board in deploy/observability/grafana/*.json; do
    { printf 'import type { Board } from "./board";\nexport const board: Board = '; cat "$board"; } > "$home/$(basename "$board" .json).ts"
  done
  (cd "$home" && node_modules/.bin/tsc --noEmit --strict --skipLibCheck --module esnext --moduleResolution bundler --target es2022 ./*.ts)
}

# A tenant's life as two versions of Stripe's API tell it: written anew by Stripe's own types, and the same as what is committed.
lint_stripe_lives() {
  local home=$root/build/npm/stripe lives=tests/data/stripe/life shape bad=0
  local wanted='stripe-acacia@npm:stripe@17.7.0 stripe-endive@npm:stripe@23.1.0 @types/node@26.6.11 typescript@7.0.2'
  command -v npm > /dev/null || install_packages node
  if [ "$(cat "$home/installed" 2> /dev/null)" != "$wanted" ]; then
    # shellcheck disable=SC2086
    npm install --prefix "$home" --silent --no-audit --no-fund --ignore-scripts $wanted > /dev/null
    echo "$wanted" > "$home/installed"
  fi
  rm -rf "$home"/*.ts "$home/made"
  cp $lives/*.ts "$home"
  (cd "$home" && node_modules/.bin/tsc --strict --skipLibCheck --module nodenext --moduleResolution nodenext --target es2022 \
    --types node --outDir made ./*.ts) || return 1
  for shape in acacia endive; do
    node "$home/made/$shape.js" > "$home/made/$shape.json"
    cmp "$home/made/$shape.json" "$lives/$shape.json" || bad=1
  done
  return $bad
}

lint() {  # [--fast]
  install_packages
  local bad=0
  say "clang-format"
  sources -print0 | xargs -0 clang-format --dry-run -Werror || bad=1
  say "shellcheck"
  shellcheck -x dev .ci/run tools/*.sh || bad=1
  say "schemas (buf)"
  npm_tool @bufbuild/buf@1.75.0 buf lint schemas || bad=1
  if git cat-file -e origin/main:schemas/buf.yaml 2> /dev/null; then
    npm_tool @bufbuild/buf@1.75.0 buf breaking schemas --against '.git#ref=origin/main,subdir=schemas' || bad=1
  fi
  say "API documents (spectral)"
  npm_tool @stoplight/spectral-cli@6.16.3 spectral lint --ruleset tools/spectral.yaml --fail-severity warn --quiet \
    docs/openapi.json docs/asyncapi.json || bad=1
  say "dashboards (Grafana's types)"
  lint_dashboards || bad=1
  say "a life of Stripe events (Stripe's types)"
  lint_stripe_lives || bad=1
  [ "${1:-}" != --fast ] || return $bad
  install_packages lint
  say "clang-tidy"
  cmake --preset lint > /dev/null
  cmake --build --preset lint --target schemas > /dev/null
  find shared events workers -name '*.cpp' -print0 | xargs -0 -P 2 -n 4 clang-tidy-16 -p build/lint --extra-arg=-Wno-unknown-warning-option --quiet 2> /dev/null || bad=1
  return $bad
}
