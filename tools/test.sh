#!/usr/bin/env bash
# Runs go test with the given arguments, keeps the whole log in build/test.log,
# and prints what a person wants: a line for each package, the log of what
# failed, which tests were skipped and why, and the counts. Under CI=true a
# skipped test is a failure.
set -u
log=build/test.log
mkdir -p build
echo "go test -v $*"
"${GO:-go}" test -v "$@" >"$log" 2>&1
code=$?
grep -E '^(ok|FAIL|panic:)' "$log"
if [ "$code" != 0 ]; then
	echo
	echo "of the failed tests (all of it is in $log):"
	grep -v -E '^(ok|\?|=== (RUN|PAUSE|CONT)|--- PASS| +--- PASS)' "$log" | grep -B 25 -A 5 -E '^ *--- FAIL|^panic:' | tail -n 300
fi
skipped=$(grep -c -E '^ *--- SKIP' "$log")
if [ "$skipped" -gt 0 ]; then
	echo 'skipped:'
	grep -A 1 -E '^ *--- SKIP' "$log"
	if [ "${CI:-}" = true ] && [ "$code" = 0 ]; then
		echo 'test: a skipped test is a failure under CI=true'
		code=1
	fi
fi
echo "test: $(grep -c -E '^ *--- PASS' "$log") passed, $(grep -c -E '^ *--- FAIL' "$log") failed, $skipped skipped"
exit "$code"
