//! The fuzzer's side: libFuzzer makes bytes, the subject named by `FUZZ_SUBJECT` is tried with them.
#![no_main]

mod conversation;
mod frames;
mod framing;
mod subject;

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static SUBJECT: LazyLock<subject::Subject> = LazyLock::new(|| {
    let name = std::env::var("FUZZ_SUBJECT").unwrap_or_default();
    subject::named(&name).unwrap_or_else(|| panic!("FUZZ_SUBJECT={name}: say one of {:?}", subject::names()))
});

fuzz_target!(|bytes: &[u8]| SUBJECT(bytes));
