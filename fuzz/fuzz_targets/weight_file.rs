#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| melu_fuzz::weight_file::run(data));
