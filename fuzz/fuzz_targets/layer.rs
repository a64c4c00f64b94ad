#![no_main]
#[path = "../targets/mod.rs"]
#[allow(dead_code, unused_imports)]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::layer(data));
