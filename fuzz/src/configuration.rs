//! Configurations as text.

use melu::model::config::Config;

pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(config) = Config::from_json(text) else { return };
    config.check().expect("what was read can be used");
    // What is written is read again, and is the same.
    let again = Config::from_json(&config.to_json()).expect("what is written can be read");
    assert_eq!(again.to_json(), config.to_json());
}
