#!/usr/bin/env bash
# Builds cmd/ceremony twice from the commit that is checked out, with as much as
# can be changed between the two (folder, home, module and build caches, umask,
# time zone, locale, number of jobs), compares the two programs byte for byte,
# and prints their SHA-256: the `program` of a ceremony's plan, which `ceremony
# air-gap` says of itself.
#
#   tools/reproducible.sh [--out FILE]     FILE: where to put the program; new
#
# The same bytes come out only where the same things go in, so it says what they
# are: the versions of Go, of the C compiler and linker, of the C library and of
# PC/SC's headers. Whoever repeats the build on another machine wants the same.
#
# Exit 0: the same. 1: not the same, or not built. 2: called wrongly.
set -euo pipefail

out=
case $# in
0) ;;
2) [ "$1" = --out ] && out=$2 ;;
esac
if [ $# -ne 0 ] && [ -z "$out" ]; then
	echo 'usage: tools/reproducible.sh [--out FILE]' >&2
	exit 2
fi
if [ -n "$out" ] && [ -e "$out" ]; then
	echo "reproducible: $out exists already" >&2
	exit 2
fi

say() { echo "reproducible: $*" >&2; }

root=$(cd "$(dirname "$0")/.." && pwd)
commit=$(git -C "$root" rev-parse HEAD)
if [ -n "$(git -C "$root" status --porcelain --untracked-files=no)" ]; then
	say 'the working tree has changes, which are left out: what is built is the commit'
fi

# The version of Go with which ceremony tools are built: that of go.mod's
# toolchain line, or this one where it has none. Nothing is downloaded for it.
export GOTOOLCHAIN=local
pinned=go1.26.8
wanted=$(awk '$1 == "toolchain" { print $2 }' "$root/go.mod")
wanted=${wanted:-$pinned}
found=$(go env GOVERSION)
if [ "$found" != "$wanted" ]; then
	say "this is $found, and ceremony tools are built with $wanted: install that"
	exit 1
fi
for need in gcc ld pkg-config; do
	command -v "$need" >/dev/null || { say "$need is missing"; exit 1; }
done
pkg-config --exists libpcsclite || { say 'the headers of PC/SC are missing (Debian: apt install libpcsclite-dev)'; exit 1; }

work=$(mktemp -d)
trap 'chmod -R u+w "$work" && rm -rf "$work"' EXIT
modules=$(go env GOMODCACHE)
proxy=$(go env GOPROXY)
go_path=$(command -v go)

# build DIR UMASK TZ LOCALE JOBS: clones into DIR and builds DIR/ceremony, in an
# environment that has nothing but what is named here.
build() {
	local dir=$1 mask=$2 zone=$3 locale=$4 jobs=$5
	mkdir -p "$dir/home" "$dir/cache" "$dir/tmp"
	git clone --quiet --no-hardlinks "$root" "$dir/source"
	git -C "$dir/source" checkout --quiet "$commit"
	(
		umask "$mask"
		cd "$dir/source"
		env -i PATH="$(dirname "$go_path"):/usr/local/bin:/usr/bin:/bin" HOME="$dir/home" TMPDIR="$dir/tmp" TZ="$zone" LC_ALL="$locale" \
			GOCACHE="$dir/cache" GOPROXY="file://$modules/cache/download,$proxy" GOFLAGS=-mod=readonly GOTOOLCHAIN=local GOWORK=off \
			GOOS=linux GOAMD64=v1 GOARM64=v8.0 CGO_ENABLED=1 CC=gcc GOMAXPROCS="$jobs" \
			CGO_CFLAGS='-O2 -g' CGO_LDFLAGS='-O2 -g' \
			go build -trimpath -buildvcs=false -o "$dir/ceremony" ./cmd/ceremony
	)
}

say "building commit $commit, once"
build "$work/a" 022 UTC C 1
say 'building it again, elsewhere'
build "$work/another/place/with a gap" 077 Pacific/Kiritimati C.UTF-8 2
one="$work/a/ceremony" two="$work/another/place/with a gap/ceremony"

package() { dpkg-query -W -f '${Version}' "$1" 2>/dev/null || echo unknown; }
echo "commit        $commit"
echo "go            $found $(go env GOARCH)"
echo "gcc           $(gcc -dumpfullversion) (package $(package gcc))"
echo "linker        $(ld --version | head -n 1)"
echo "C library     libc6-dev $(package libc6-dev)"
echo "PC/SC         libpcsclite $(pkg-config --modversion libpcsclite) (libpcsclite-dev $(package libpcsclite-dev))"
if ! cmp "$one" "$two" >&2; then
	sha256sum "$one" "$two" >&2
	say 'the two are NOT the same; diffoscope shows where they differ'
	exit 1
fi
echo "bytes         $(stat -c %s "$one"), the same twice"
echo "sha256        $(sha256sum "$one" | cut -d ' ' -f 1)"
"$one" air-gap --repository rehearsal.reproducible 2>"$work/notes" | sed -n '/^this program:$/,$p'
if [ -n "$out" ]; then
	install -m 755 "$one" "$out"
	say "the program is in $out"
fi
