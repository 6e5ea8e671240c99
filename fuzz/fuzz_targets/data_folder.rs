#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| melu_fuzz::data_folder::run(data));
