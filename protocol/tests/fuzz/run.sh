#!/bin/sh
# Fuzzes every subject for so many seconds each: run.sh SECONDS [SUBJECT...]. Needs stable Rust and a C++ compiler.
# A finding is written to corpus/SUBJECT/crash-...: commit it, it is a test from then on (main.rs).
set -eu
here="$(cd "$(dirname "$0")" && pwd)"
seconds="${1:?seconds for each subject}"
shift
[ $# -gt 0 ] || set -- sse ndjson frames openai-chat openai-responses anthropic ollama gemini
work="${FUZZ_WORK:-$here/../../../target/fuzz}"
mkdir -p "$work"
work="$(cd "$work" && pwd)"

# Coverage instrumentation by flags that stable compilers take; no sanitizer: there is no unsafe code to find.
level="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
for feature in inline-8bit-counters pc-table trace-compares; do
    level="$level -Cllvm-args=-sanitizer-coverage-$feature"
done
# A named target keeps the flags away from build scripts.
host="$(rustc -vV | sed -n 's/^host: //p')"
RUSTFLAGS="$level --cfg fuzzing" cargo build --quiet --release --locked \
    --manifest-path "$here/Cargo.toml" --target-dir "$work/target" --target "$host"

# What the fixtures say is where a run begins; their first byte tells the subject what they are.
seed() {
    mkdir -p "$work/seeds/$1"
    case "$1" in
    sse) for f in "$here"/../fixtures/*/*.sse; do { printf '\200'; cat "$f"; } >"$work/seeds/sse/$(basename "$(dirname "$f")")-$(basename "$f")"; done ;;
    ndjson) for f in "$here"/../fixtures/ollama/*.ndjson; do { printf '\200'; cat "$f"; } >"$work/seeds/ndjson/$(basename "$f")"; done ;;
    frames)
        # Magic, version, type, flags, 0, header length, stream, body length: a call, its body, its end.
        open='LL\001\003\000\000\000\000\001\000\000\000\004\000\000\000abcd'
        printf "$open"'LL\001\004\001\000\000\000\001\000\000\000\002\000\000\000ef' >"$work/seeds/frames/asked"
        printf 'LL\001\005\000\000\001\000\001\000\000\000\002\000\000\000hxyLL\001\006\000\000\000\000\001\000\000\000\000\000\000\000' >"$work/seeds/frames/answered"
        printf "$open"'LL\001\007\000\000\000\000\001\000\000\000\004\000\000\000\000\001\000\000LL\001\010\000\000\000\000\001\000\000\000\000\000\000\000' >"$work/seeds/frames/granted"
        ;;
    *)
        for f in "$here/../fixtures/$1"/*; do
            case "$f" in
            *.request.json) kind=r ;;
            *.response.json) kind=d ;;
            *) kind='s\200\001' ;;
            esac
            { printf "$kind"; cat "$f"; } >"$work/seeds/$1/$(basename "$f")"
        done
        ;;
    esac
}

for subject in "$@"; do
    seed "$subject"
    mkdir -p "$work/corpus/$subject" "$here/corpus/$subject"
    printf '\n== fuzz %s, %s s\n' "$subject" "$seconds"
    FUZZ_SUBJECT="$subject" "$work/target/$host/release/fuzz" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
        -max_len=4096 -dict="$here/words.dict" -artifact_prefix="$here/corpus/$subject/" -print_final_stats=1 \
        "$work/corpus/$subject" "$here/corpus/$subject" "$work/seeds/$subject"
done
