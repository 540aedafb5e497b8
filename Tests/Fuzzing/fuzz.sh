#!/usr/bin/env bash
# Owns: running the fuzzers. Targets: requests replies raw sealed logs snapshot lines lua.
#
#     fuzz.sh run [TARGET|all] [RUNS]   fuzzes from the kept corpus; RUNS executions each, 200000 unless said otherwise
#     fuzz.sh asan [TARGET|all] [RUNS]  the same with the address sanitizer, which sees what unsafe pointers do
#     fuzz.sh minimise [TARGET|all]     puts what the runs have found into the kept corpus, as few and small files as do
#     fuzz.sh coverage                  line coverage of the decoders by the kept corpus
#
# What a run finds goes to .build/fuzzing/TARGET, an input that breaks a promise to .build/fuzzing/TARGET-crash-…: mend
# the code, and keep the input in Corpus/TARGET under a name that says what it found.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
work=.build/fuzzing
all="requests replies raw sealed logs snapshot lines lua"

build() { # the name of a scratch folder, then flags
  EVSTORE_FUZZ=1 swift build -c release --product fuzz --scratch-path ".build/$1" "${@:2}" >&2
}

# The longest input of a target: long enough for all it can hold, short enough to be quick.
longest() {
  case $1 in requests) echo 320 ;; replies) echo 256 ;; raw) echo 700 ;; sealed | logs) echo 1400 ;; *) echo 512 ;; esac
}

targets() { [ "${1:-all}" = all ] && echo "$all" || echo "$1"; }

# A trap is the fuzzer's to catch, not the backtracer's; and the same input takes the same way each time.
export SWIFT_BACKTRACE=enable=no SWIFT_DETERMINISTIC_HASHING=1

run() {
  build fuzz --sanitize=fuzzer
  fuzz fuzz "$@"
}

asan() {
  # Of two options that each name one sanitizer the compiler takes the last alone.
  build asan --sanitize=fuzzer --sanitize=address -Xswiftc -sanitize=fuzzer,address
  # What Swift's runtime keeps for good is no leak.
  ASAN_OPTIONS=detect_leaks=0 fuzz asan "$@"
}

fuzz() { # the name of a scratch folder, then as for run
  program=.build/$1/release/fuzz
  shift
  for target in $(targets "${1:-all}"); do
    mkdir -p "$work/$target"
    echo "$target: ${2:-200000} executions"
    dictionary=$here/$target.dict
    EVSTORE_FUZZ_TARGET=$target "$program" -runs="${2:-200000}" -max_len="$(longest "$target")" \
      -timeout=300 -rss_limit_mb=1024 -artifact_prefix="$work/$target-" ${dictionary:+$([ -f "$dictionary" ] && echo "-dict=$dictionary")} \
      "$work/$target" "$here/Corpus/$target" >"$work/$target.log" 2>&1 ||
      { tail -n 30 "$work/$target.log"; exit 1; }
    grep DONE "$work/$target.log"
  done
}

minimise() {
  build fuzz --sanitize=fuzzer
  for target in $(targets "${1:-all}"); do
    mkdir -p "$work/$target" "$work/merged"
    rm -f "$work"/merged/*
    EVSTORE_FUZZ_TARGET=$target .build/fuzz/release/fuzz -merge=1 -max_len="$(longest "$target")" -set_cover_merge=1 -use_counters=0 \
      "$work/merged" "$here/Corpus/$target" "$work/$target" 2>&1 | grep "MERGE-OUTER.*new"
    # Inputs with a name of their own are kept for what they found once.
    find "$here/Corpus/$target" -regextype posix-extended -regex '.*/[0-9a-f]{40}' -delete
    cp "$work"/merged/* "$here/Corpus/$target/"
  done
}

# The decoders, whose coverage is told.
decoders="EventWire/RESPDecoder EventWire/InlineSplitter EventWire/ArgumentList EventWire/ArgumentCursor
  EventWire/CommandParser EventWire/AppendParser EventWire/FilterParser EventWire/QueryParser EventWire/ConnectionCommand
  EventWire/RESPReplyDecoder SegmentLog/Format/ByteOrder SegmentLog/Format/FileHeader SegmentLog/Format/FeatureBits
  SegmentLog/Format/FrameFormat SegmentLog/Format/FrameWalk SegmentLog/Format/RecordFormat SegmentLog/Format/ControlRecord
  SegmentLog/Format/RawTrailer SegmentLog/Format/Manifest SegmentLog/Recovery/RawInspection SegmentLog/Recovery/LostTail
  SegmentLog/Recovery/TailScanner SegmentLog/Reading/RawSegment SegmentLog/Reading/RawTable SegmentLog/Format/SealedBlockFormat SegmentLog/Format/SealedFooter
  SegmentLog/Format/BlockTable SegmentLog/Format/KeyPages SegmentLog/Format/KeyFilter SegmentLog/Format/RecordColumns SegmentLog/Format/Compression
  SegmentLog/Reading/BlockFinder SegmentLog/Reading/SealedSegment SegmentLog/Recovery/LogInventory EventStore/Snapshot EventNDJSON/EventLine
  EventNDJSON/JSONScanner EventNDJSON/JSONObjectReader EventNDJSON/JSONValue EventNDJSON/ExactSeconds"

coverage() {
  build coverage --sanitize=fuzzer -Xswiftc -profile-generate -Xswiftc -profile-coverage-mapping
  tools=$(dirname "$(readlink -f "$(command -v swift)")")
  mkdir -p "$work"
  for target in $all; do
    LLVM_PROFILE_FILE=$work/$target.profraw EVSTORE_FUZZ_TARGET=$target \
      .build/coverage/release/fuzz -runs=0 "$here/Corpus/$target" >/dev/null 2>&1
  done
  "$tools/llvm-profdata" merge -o "$work/corpus.profdata" $(for target in $all; do echo "$work/$target.profraw"; done)
  "$tools/llvm-cov" report .build/coverage/release/fuzz -instr-profile "$work/corpus.profdata" \
    $(for file in $decoders; do echo "Sources/$file.swift"; done) |
    awk '$1 ~ /swift$|TOTAL/ {printf "%-40s %6s lines %5s not reached %8s\n", $1, $8, $9, $10}'
}

case ${1:-} in
run | asan | minimise | coverage) "$@" ;;
*) sed -n 's/^#\( \|$\)//p' "$0" | head -n 10; exit 64 ;;
esac
