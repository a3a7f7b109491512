#!/usr/bin/env bash
# Installs what the demo and the tests need and this machine lacks, and says
# what and why. Changes nothing where all is there. What cannot be installed is
# said, with the command that would do it, and counted; the rest goes on.
#
#   tools/setup.sh [demo|test|check]
#
# Exit 0: all there, or parts are missing and CI is not "true". Exit 1: parts
# are missing and CI is "true".
set -u

want=${1:-demo}

# command-or-file | Debian package | why
parts='
gcc|gcc|compiles the binding to PC/SC (cgo)
/usr/include/x86_64-linux-gnu/sys/types.h /usr/include/aarch64-linux-gnu/sys/types.h /usr/include/sys/types.h|libc6-dev|headers of the C library, for cgo
pkg-config|pkg-config|tells the compiler where PC/SC is
/usr/include/PCSC/winscard.h|libpcsclite-dev|headers of PC/SC, through which every card is reached
pcscd|pcscd|the PC/SC daemon between programs and card readers
/usr/lib/pcsc/drivers/serial/libifdvpcd.so|vsmartcard-vpcd|the reader driver into which virtual cards are put
gpg|gnupg|the maintainers sign with it, and it checks every signature a second time
'
case $want in
test | check) parts+='sqv|sqv|checks every signature a third time, independently of gpg
' ;;
esac
case $want in
check) parts+='shellcheck|shellcheck|checks the shell scripts
' ;;
esac

there() { # is one of the alternatives there?
	for p in $1; do
		case $p in
		/*) [ -e "$p" ] && return 0 ;;
		*) command -v "$p" >/dev/null 2>&1 && return 0 ;;
		esac
	done
	[ "$1" = pcscd ] && [ -x /usr/sbin/pcscd ]
}

missing=() skipped=0
while IFS='|' read -r what package why; do
	[ -n "$what" ] || continue
	there "$what" && continue
	echo "setup: $package is missing: $why" >&2
	missing+=("$package")
done <<<"$parts"

if [ ${#missing[@]} -gt 0 ]; then
	install=(apt-get install -y --no-install-recommends "${missing[@]}")
	as=()
	if [ "$(id -u)" != 0 ]; then
		as=(sudo -n)
	fi
	if ! command -v apt-get >/dev/null 2>&1; then
		echo "setup: this machine has no apt-get: install by hand what the packages above have" >&2
	elif [ ${#as[@]} -gt 0 ] && ! sudo -n true 2>/dev/null; then
		echo "setup: no right to install: run 'sudo ${install[*]}' and start again" >&2
	else
		echo "setup: installing ${missing[*]} with apt-get" >&2
		log=$(mktemp)
		if ! { "${as[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq &&
			"${as[@]}" env DEBIAN_FRONTEND=noninteractive "${install[@]}"; } >"$log" 2>&1; then
			echo "setup: apt-get failed; its last words:" >&2
			tail -n 15 "$log" >&2
		fi
		rm -f "$log"
	fi
	while IFS='|' read -r what package why; do
		[ -n "$what" ] || continue
		there "$what" || {
			echo "setup: still without $package ($why): parts that need it are skipped" >&2
			skipped=$((skipped + 1))
		}
	done <<<"$parts"
fi

if [ "$skipped" -gt 0 ]; then
	echo "setup: $skipped of the parts could not be installed" >&2
	[ "${CI:-}" = true ] && exit 1
fi
exit 0
