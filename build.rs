//! Makes the C header.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "header")]
    header::make();
}

#[cfg(feature = "header")]
mod header {
    use std::env;
    use std::path::Path;

    use cbindgen::{Builder, Config};

    /// What the header is made of, in the order in which functions stand in it.
    const SOURCES: [&str; 13] = [
        "library",
        "error",
        "status",
        "string",
        "value",
        "model",
        "field",
        "catalog",
        "user",
        "rating",
        "recommendation",
        "question",
        "batch",
    ];

    /// Writes `melu.h` into the build's folder; a test compares the one in `include`.
    pub fn make() {
        let folder = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
        println!("cargo::rerun-if-changed=cbindgen.toml");
        let config = Config::from_file("cbindgen.toml").expect("cbindgen.toml can be read");
        let mut builder = Builder::new().with_config(config);
        for source in SOURCES {
            let path = format!("src/ffi/{source}.rs");
            println!("cargo::rerun-if-changed={path}");
            builder = builder.with_src(path);
        }
        let header = builder.generate().expect("the header can be made");
        let path = Path::new(&folder).join("melu.h");
        header.write_to_file(&path);
        println!("cargo::rustc-env=MELU_HEADER={}", path.display());
    }
}
