//! Names the shared library, and makes the C header.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    name_shared_library();
    #[cfg(feature = "header")]
    header::make();
}

/// The name that programs look for at run time: it carries the version of the
/// ABI, and nothing else, so that they keep running when the library is renewed.
fn name_shared_library() {
    // `MELU_ABI_VERSION`; a test compares the two.
    const ABI: &str = "1";
    let system = env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    let arguments: &[String] = match system.as_str() {
        "linux" | "freebsd" | "netbsd" | "openbsd" | "dragonfly" => {
            &[format!("-Wl,-soname,libmelu.so.{ABI}")]
        }
        // Android knows no versions, and has pages of 16 KB.
        "android" => &["-Wl,-soname,libmelu.so".into(), "-Wl,-z,max-page-size=16384".into()],
        "macos" | "ios" => &[format!("-Wl,-install_name,@rpath/libmelu.{ABI}.dylib")],
        _ => &[],
    };
    for argument in arguments {
        println!("cargo::rustc-cdylib-link-arg={argument}");
    }
}

#[cfg(feature = "header")]
mod header {
    use std::env;
    use std::path::Path;

    use cbindgen::{Builder, Config};

    /// What the header is made of, in the order in which functions stand in it.
    const SOURCES: [&str; 11] = [
        "library",
        "error",
        "status",
        "string",
        "value",
        "model",
        "catalog",
        "user",
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
