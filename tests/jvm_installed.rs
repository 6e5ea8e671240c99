//! The Kotlin package, as its users have it: its own tests on a JVM, the programs of
//! docs/kotlin.md with the jar alone, and what `android.sh` packs.

#![cfg(feature = "cli")]

mod c;
mod common;
mod pages;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use c::{have, installed, missing, project, run};
use pages::blocks;

fn package() -> PathBuf {
    project("bindings/kotlin")
}

fn ready() -> bool {
    ["javac", "jar", "mvn", "readelf"].into_iter().all(have)
}

/// What is made here, which Maven's own folder is in.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("kotlin")
}

/// The number after a word of Maven's summaries.
fn number(line: &str, word: &str) -> u32 {
    let rest = line.split(word).nth(1).unwrap_or_else(|| panic!("{line}"));
    rest.trim_start().split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
}

/// The jar, after the package's tests passed, and with the documents' Kotlin compiled beside them.
fn built() -> Option<&'static Path> {
    static JAR: OnceLock<Option<PathBuf>> = OnceLock::new();
    JAR.get_or_init(|| if ready() { installed().map(build) } else { None }).as_deref()
}

fn build(prefix: &Path) -> PathBuf {
    let folder = folder();
    let _ = fs::remove_dir_all(&folder);
    let documents = folder.join("documents");
    fs::create_dir_all(&documents).unwrap();
    for block in blocks("docs/kotlin.md").into_iter().filter(|block| block.language == "kotlin") {
        let name = block.file.unwrap();
        if name != "Assets.kt" {
            fs::write(documents.join(name), block.text).unwrap();
        }
    }
    let native = folder.join("native");
    let mut build = Command::new(package().join("native.sh"));
    run(build.args(["--prefix".as_ref(), prefix.as_os_str()]).arg("--out").arg(&native));
    let target = folder.join("target");
    let mut maven = Command::new("mvn");
    maven.args(["-q", "-B", "-f"]).arg(package().join("pom.xml"));
    for (name, value) in [("target", &target), ("native", &native), ("documents", &documents)] {
        maven.arg(format!("-Dmelu.{name}={}", value.display()));
    }
    run(maven.arg("package"));

    // Maven is content where it finds no tests.
    let reports = fs::read_dir(target.join("surefire-reports")).unwrap();
    let reports = reports.map(|report| report.unwrap().path());
    let texts = reports.filter(|path| path.extension().is_some_and(|end| end == "txt"));
    let mut tests = 0;
    for text in texts.map(|path| fs::read_to_string(path).unwrap()) {
        let line = text.lines().find(|line| line.starts_with("Tests run:")).unwrap();
        assert_eq!(number(line, "Skipped:"), 0, "{text}");
        tests += number(line, "Tests run:");
    }
    assert!(tests >= 39, "Maven ran {tests} tests");
    target.join(format!("melu-{}.jar", env!("CARGO_PKG_VERSION")))
}

/// Kotlin's own library, as Maven has it.
fn standard_library() -> PathBuf {
    let pom = fs::read_to_string(package().join("pom.xml")).unwrap();
    let version = pom.split("<kotlin.version>").nth(1).unwrap().split('<').next().unwrap();
    let home = PathBuf::from(std::env::var_os("HOME").unwrap());
    let repository = home.join(".m2/repository");
    let library = repository
        .join("org/jetbrains/kotlin/kotlin-stdlib")
        .join(version)
        .join(format!("kotlin-stdlib-{version}.jar"));
    assert!(library.exists(), "there is no {}", library.display());
    library
}

fn class_path(parts: &[&Path]) -> String {
    std::env::join_paths(parts).unwrap().into_string().unwrap()
}

#[test]
#[ignore = "takes minutes: see CONTRIBUTING.md"]
fn the_tests_pass_and_the_documents_programs_work_with_the_jar() {
    let Some(jar) = built() else { return };
    let folder = folder();
    let melu = || {
        let mut melu = Command::new(env!("CARGO_BIN_EXE_melu"));
        melu.current_dir(&folder);
        melu
    };
    run(melu().args(["synth", "world"]));
    run(melu().args(["train", "world", "-o", "world.melu"]));
    let mut recommend = melu();
    recommend.args(["recommend", "world.melu", "--user", "age=25-34", "--rate", "i7=5"]);
    let expected = run(recommend.args(["--rate", "i12=1.5", "-k", "5", "--json"]));
    let expected: serde_json::Value = serde_json::from_str(&expected).unwrap();
    let expected = expected["items"].as_array().unwrap();

    let library = standard_library();
    let compiled = folder.join("target/test-classes");
    let java = |parts: &[&Path], main: &str| {
        let mut java = Command::new("java");
        java.args(["-Xcheck:jni", "-cp", &class_path(parts), main]);
        run(java.current_dir(&folder))
    };
    let check = |said: &str| {
        assert_eq!(said.lines().count(), expected.len(), "{said}");
        for (line, expected) in said.lines().zip(expected) {
            let words: Vec<&str> = line.split_whitespace().collect();
            assert_eq!(words[0], expected["id"].as_str().unwrap(), "{said}");
            let score: f64 = words.last().unwrap().parse().unwrap();
            assert!((score - expected["score"].as_f64().unwrap()).abs() <= 0.000_51, "{said}");
        }
    };
    check(&java(&[jar, &library, &compiled], "MainKt"));
    let form = java(&[jar, &library, &compiled], "Form");
    assert!(form.starts_with("age: 18-24 25-34 "), "{form}");
    assert_eq!(form.lines().filter(|line| line.starts_with('i')).count(), 3, "{form}");
    let batch = java(&[jar, &library, &compiled], "Batch");
    let lines: Vec<&str> = batch.lines().collect();
    assert_eq!(lines.len(), 11, "{batch}");
    assert_eq!(lines[1].split_whitespace().next(), Some(lines[0]), "{batch}");

    // Java alone, with nothing but the jar and Kotlin's library.
    let program = folder.join("java");
    fs::create_dir_all(&program).unwrap();
    let page = blocks("docs/kotlin.md");
    let block = page.iter().find(|block| block.language == "java").unwrap();
    let source = program.join(block.file.as_ref().unwrap());
    fs::write(&source, &block.text).unwrap();
    let mut javac = Command::new("javac");
    javac.args(["-Xlint:all,-classfile", "-Werror", "-cp", &class_path(&[jar, &library]), "-d"]);
    run(javac.arg(&program).arg(&source));
    check(&java(&[jar, &library, &program], "Main"));

    // The property names another library, or one that is not there.
    let mut other = Command::new("java");
    other.args(["-Dmelu.library.path=/nonexistent/libmelu_jni.so", "-cp"]);
    other.arg(class_path(&[jar, &library, &program])).arg("Main").current_dir(&folder);
    let output = other.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("/nonexistent/libmelu_jni.so"), "{said}");
}

#[test]
fn the_documents_name_this_version() {
    let version = format!("<version>{}</version>", env!("CARGO_PKG_VERSION"));
    for path in ["docs/kotlin.md", "bindings/kotlin/pom.xml"] {
        assert!(pages::page(path).contains(&version), "{path} lacks {version}");
    }
}

/// A library that stands in for one of an NDK's.
fn stand_in(path: &Path, options: &[&str]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let source = path.with_extension("c");
    fs::write(&source, "int JNI_OnLoad(void) { return 0; }\n").unwrap();
    let mut cc = Command::new("cc");
    run(cc.args(["-shared", "-fPIC"]).args(options).arg("-o").arg(path).arg(&source));
    fs::remove_file(source).unwrap();
}

#[test]
#[ignore = "takes minutes: see CONTRIBUTING.md"]
fn an_aar_has_what_android_needs_and_refuses_what_devices_refuse() {
    // The classes are compiled, and Maven has what it needs.
    if built().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let libraries = folder.path().join("libraries");
    let library = |abi: &str| libraries.join(abi).join("libmelu_jni.so");
    let aligned = ["-s", "-Wl,-z,max-page-size=16384"];
    let aar = folder.path().join("melu.aar");
    let pack = || {
        let mut pack = Command::new(package().join("android.sh"));
        pack.arg("--libs").arg(&libraries).arg("--out").arg(&aar);
        pack
    };
    let refused = |what: &str| {
        let output = pack().output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(what), "{said}");
        assert!(!aar.exists());
    };
    stand_in(&library("arm64-v8a"), &aligned);
    stand_in(&library("x86_64"), &aligned);
    refused("armeabi-v7a/libmelu_jni.so");
    stand_in(&library("armeabi-v7a"), &["-s", "-Wl,-z,max-page-size=4096"]);
    refused("aligned to 4096 bytes");
    stand_in(&library("armeabi-v7a"), &aligned[1..]);
    refused("has symbols left");
    stand_in(&library("armeabi-v7a"), &["-s", "-Wl,-z,max-page-size=16384", "-fvisibility=hidden"]);
    refused("has no JNI_OnLoad");
    stand_in(&library("armeabi-v7a"), &aligned);
    run(&mut pack());

    let list = |file: &Path| run(Command::new("jar").arg("--list").arg("--file").arg(file));
    let mut files: Vec<String> = list(&aar).lines().map(String::from).collect();
    files.retain(|file| !file.ends_with('/'));
    files.sort_unstable();
    let expected = [
        "AndroidManifest.xml",
        "R.txt",
        "classes.jar",
        "jni/arm64-v8a/libmelu_jni.so",
        "jni/armeabi-v7a/libmelu_jni.so",
        "jni/x86_64/libmelu_jni.so",
        "proguard.txt",
    ];
    assert_eq!(files, expected);
    let extract = ["--extract", "--file"];
    run(Command::new("jar").args(extract).arg(&aar).current_dir(folder.path()));
    let classes = list(&folder.path().join("classes.jar"));
    assert!(classes.contains("io/github/melurs/Model.class"), "{classes}");
    // Phones have the libraries beside the classes.
    assert!(!classes.contains("libmelu"), "{classes}");
    // What the rules keep is there.
    let rules = fs::read_to_string(folder.path().join("proguard.txt")).unwrap();
    let kept = rules.lines().filter_map(|line| line.strip_prefix("-keep class "));
    let kept: Vec<&str> = kept.map(|rule| rule.split(' ').next().unwrap()).collect();
    assert_eq!(kept.len(), 3);
    for class in kept {
        assert!(classes.contains(&format!("{}.class", class.replace('.', "/"))), "{class}");
    }
}

#[test]
#[ignore = "takes minutes: see CONTRIBUTING.md"]
fn the_library_compiles_for_android() {
    let target = "aarch64-linux-android";
    let sysroot = run(Command::new("rustc").args(["--print", "sysroot"]));
    if !Path::new(sysroot.trim()).join("lib/rustlib").join(target).exists() {
        missing(&format!("Rust's target {target}"));
        return;
    }
    let mut check = Command::new(env!("CARGO"));
    check.current_dir(project("")).args(["check", "--quiet", "--lib", "--features", "capi"]);
    run(check.args(["--target", target]));
}
