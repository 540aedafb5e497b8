#!/usr/bin/env bash
# Owns: durable throughput beside Redis Streams with appendfsync always: same client, same shapes, same disk, one run.
# Figures of one machine and one moment; the ratio is what can be compared. Never fails on slowness.
#   throughput.sh [ROUNDS [SCALE]]      rounds alternate (default 3); SCALE divides the number of requests (default 1)
# EVSTORED names the daemon (default .build/release/evstored). Needs redis-server and redis-tools.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
evstored=${EVSTORED:-$top/.build/release/evstored}
rounds=${1:-3} scale=${2:-1}
data='{"user":"user-12345","status":"pending","amount":482.17,"currency":"EUR","items":[{"sku":"widget-482","qty":3}],"note":"customer asked for delivery on friday"}'
clients=(1 64 64 8) pipelines=(1 1 16 512) requests=(5000 200000 1000000 2000000)

folder=$(mktemp -d)
pids=()
end() { for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; done; rm -rf "$folder"; }
trap end EXIT
answers() { for _ in $(seq 200); do redis-cli -s "$1" INFO 2>/dev/null | grep -q '^loading:0' && return; sleep 0.05; done; echo "no answer on $1" >&2; exit 1; }

mkdir "$folder/redis"
redis-server --port 0 --unixsocket "$folder/redis.sock" --dir "$folder/redis" --appendonly yes --appendfsync always \
  --save '' --logfile "$folder/redis.log" & pids+=($!)
# No projections: the peer folds nothing either.
EVSTORED_PROJECTIONS= "$evstored" --config "$top/config/evstored.yaml" --data-dir "$folder/evstored" --socket "$folder/evstored.sock" \
  2>"$folder/evstored.log" & pids+=($!)
answers "$folder/redis.sock"
answers "$folder/evstored.sock"

bench() { # SOCKET SHAPE COMMAND…: requests per second
  local socket=$1 shape=$2; shift 2
  redis-benchmark -s "$socket" -c "${clients[shape]}" -P "${pipelines[shape]}" -n $((requests[shape] / scale)) "$@" 2>/dev/null \
    | tr '\r' '\n' | sed -nE 's/.*throughput summary: ([0-9.]+) requests.*/\1/p'
}
for round in $(seq "$rounds"); do
  for shape in "${!clients[@]}"; do
    redis=$(bench "$folder/redis.sock" "$shape" XADD order '*' type created aggregate order-000001 data "$data")
    evstore=$(bench "$folder/evstored.sock" "$shape" EV.APPEND order order-000001 created "$data")
    echo "$shape $round $redis $evstore"
  done
done | tee "$folder/figures" | while read -r shape round redis evstore; do
  printf 'round %s  -c %-2s -P %-3s  redis %10.0f/s  evstored %10.0f/s\n' "$round" "${clients[shape]}" "${pipelines[shape]}" "$redis" "$evstore"
done
for shape in "${!clients[@]}"; do
  ratio=$(awk -v shape="$shape" '$1 == shape {print $4 / $3}' "$folder/figures" | sort -g |
    awk '{all[NR] = $1} END {print NR % 2 ? all[(NR + 1) / 2] : (all[NR / 2] + all[NR / 2 + 1]) / 2}')
  printf 'median ratio  -c %-2s -P %-3s  %.2f\n' "${clients[shape]}" "${pipelines[shape]}" "$ratio"
done
