# Hindsight as a tool of the harness that measures backup tools side by side; peers.sh sources this file through its EXTRA
# hook and calls the functions below. Give EXTRA as an absolute path: the harness changes its directory.
#
#   EXTRA=$PWD/benchmarks/peers-hindsight.sh peers.sh run -t hindsight:2,pgbackrest:zst3:2:bundle -c full,restore
#
# SPEC is hindsight[:PROCESS_MAX[:CODEC[:LEVEL]]], each with Hindsight's own default: hindsight:2, hindsight:2:zst:3,
# hindsight:2:lz4. The command is $PROJ/bin/hindsight; without PROJ that of the checkout this file lies in, so a copy
# elsewhere needs it.
HINDSIGHT_PROJ=${PROJ:-$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")}

setup_hindsight() {
	rm -rf "$WORK/hindsight"; mkdir -p "$WORK/hindsight/spool" "$WORK/hindsight/lock" "$WORK/hindsight/state"
	{ printf '[global]\nrepo1-path=%s\nspool-path=%s\nlock-path=%s\nstate-path=%s\n' "$REPO" "$WORK/hindsight/spool" "$WORK/hindsight/lock" "$WORK/hindsight/state"
	  printf 'log-path=%s\nlog-level-file=off\nlog-level-console=warn\nstart-fast=y\nexpire-auto=n\n' "$LOG"
	  [ -z "${ARGS[0]:-}" ] || printf 'process-max=%s\n' "${ARGS[0]}"
	  [ -z "${ARGS[1]:-}" ] || printf 'compress-type=%s\n' "${ARGS[1]}"
	  [ -z "${ARGS[2]:-}" ] || printf 'compress-level=%s\n' "${ARGS[2]}"
	  printf '[bench]\npg1-path=%s\npg1-socket-path=%s\npg1-port=%s\npg1-user=postgres\npg1-bin-path=%s\n' "$PGD" "$WORK/sock" "$PORT" "$PGBIN"
	} >"$WORK/hindsight.conf"
}
hs_line() { echo "$HINDSIGHT_PROJ/bin/hindsight --config=$WORK/hindsight.conf --stanza=bench"; }
hs() { "$HINDSIGHT_PROJ/bin/hindsight" --config="$WORK/hindsight.conf" --stanza=bench "$@"; }

init_hindsight() { hs stanza-create; }
initwal_hindsight() { hs --no-online stanza-create; }
full_hindsight() { hs --type=full backup; }
incr_hindsight() { hs --type=incr backup; }
undo_hindsight() { hs --set="$(ls "$REPO/stanza/bench/backup" | tail -n 1)" --expire-grace=0 expire; }
# Everything but the WAL archive, whose indexes and names of relations lie with the WAL.
size_hindsight() { du -sk --exclude=archive "$REPO" | cut -f1; }
restore_hindsight() { hs --pg1-path="$1" restore; }
delta_hindsight() { hs --pg1-path="$1" --delta restore; }
pitr_hindsight() { hs --pg1-path="$1" --type=time --target="$2" --target-action=promote restore; }
push_hindsight() { echo "$(hs_line) archive-push %p"; }
get_hindsight() { echo "$(hs_line) archive-get %f %p"; }
