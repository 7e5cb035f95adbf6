# shellcheck shell=bash
# What is said, installed and built.

say() { if [ -t 2 ] && [ -z "${NO_COLOR:-}" ]; then printf '\033[1m==>\033[0m %s\n' "$*" >&2; else printf '==> %s\n' "$*" >&2; fi; }
die() { printf './dev: %s\n' "$*" >&2; exit 1; }
as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }

install_packages() {  # [LIST]: one of tools/packages
  local missing=() name list=${1:-main}
  while read -r name; do
    case $name in '' | '#'*) continue ;; esac
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || missing+=("$name")
  done < "$root/tools/packages/$list.txt"
  [ ${#missing[@]} -gt 0 ] || return 0
  say "installing ${#missing[@]} Debian packages: ${missing[*]}"
  as_root apt-get update -qq
  # Debian would start a broker and a database of its own; ours are private ones.
  local policy=/usr/sbin/policy-rc.d made_policy=
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee $policy > /dev/null
    as_root chmod 755 $policy
    made_policy=1
  fi
  local done=0
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null || done=$?
  [ -z "$made_policy" ] || as_root rm -f $policy
  [ $done -eq 0 ] || die "apt-get could not install the packages of tools/packages/$list.txt"
}

# Node and npm need not come from Debian.
install_node() { command -v node > /dev/null && command -v npm > /dev/null || install_packages node; }

# A tool from npm, pinned, kept out of the tree. Needs npm only where it is used: in lint.
npm_tool() {
  local package=$1 tool=$2; shift 2
  command -v npm > /dev/null || install_packages node
  local home=$root/build/npm/$tool
  [ -x "$home/node_modules/.bin/$tool" ] || npm install --prefix "$home" --silent --no-audit --no-fund --ignore-scripts "$package" > /dev/null
  "$home/node_modules/.bin/$tool" "$@"
}

# What the console is bundled and tested with, as its lockfile has it; out of the tree, behind a link. The product is built
# without.
console_packages() {
  local home=$root/workers/gateway/console packages=$root/build/npm/console
  ln -sfn ../../../build/npm/console/node_modules "$home/node_modules"
  cmp -s "$home/package-lock.json" "$packages/node_modules/.installed" && return
  install_node
  mkdir -p "$packages"
  cp "$home"/{package.json,package-lock.json,.npmrc} "$packages"
  (cd "$packages" && npm ci --silent --no-audit --no-fund --ignore-scripts > /dev/null) || die "npm could not install the console's packages (workers/gateway/console)"
  cp "$home/package-lock.json" "$packages/node_modules/.installed"
}

build() {
  say "building (preset $preset)"
  mkdir -p "$build_dir"
  cmake --preset "$preset" > "$build_dir/configure.log" || { cat "$build_dir/configure.log" >&2; die "cmake failed"; }
  if [ -t 2 ]; then cmake --build --preset "$preset" "$@" >&2
  else build_quietly "$@" || { grep -E -A5 'error|FAILED' "$build_dir/build.log" | head -60 >&2; die "the build failed; all of it is in $build_dir/build.log"; }
  fi
}

# Where nobody sees Ninja's own line: one of ours now and then, so that minutes of compiling do not look like a hang.
build_quietly() {
  cmake --build --preset "$preset" "$@" > "$build_dir/build.log" 2>&1 &
  local building=$!
  while kill -0 "$building" 2>/dev/null; do
    timeout "$build_told_every" tail -s 0.2 --pid="$building" -f /dev/null || say "building: $(grep -oE '^\[[0-9]+/[0-9]+\]' "$build_dir/build.log" | tail -n 1)"
  done
  wait "$building"
}
build_told_every=${build_told_every:-30}  # seconds
