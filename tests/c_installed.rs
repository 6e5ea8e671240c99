//! The installed C library: found by pkg-config and CMake, linked, run and checked.

#![cfg(feature = "capi")]

mod c;
mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use c::{STRICT, have, installed, installed_small, project, run};
use common::files::{bytes, sample_with_vectors};
use melu::ffi::melu_status;
use melu::{Model, QuestionOptions, Questions, RecommendOptions, Scratch, User};

const EXAMPLES: [&str; 3] = ["cold_start", "service", "mobile"];

/// What the system's libraries are that the static one needs, as Rust tells them.
const LIBS_PRIVATE: &str = "-lutil -lrt -lpthread -lm -ldl";

/// A folder with a model in it.
struct Work(tempfile::TempDir);

impl Work {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("model.melu"), bytes(&sample_with_vectors())).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn model(&self) -> PathBuf {
        self.path("model.melu")
    }
}

fn pkg_config(prefix: &Path, arguments: &[&str]) -> Vec<String> {
    let mut command = Command::new("pkg-config");
    command.env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig")).args(arguments).arg("melu");
    run(&mut command).split_whitespace().map(String::from).collect()
}

/// A compiler, with a source file and what comes before it.
fn compile(work: &Work, compiler: &str, source: &Path, options: &[&str]) -> Command {
    let mut command = Command::new(compiler);
    command.current_dir(&work.0).args(STRICT).arg("-std=c99").args(options).arg(source);
    command
}

fn example(name: &str) -> PathBuf {
    project("bindings/c/examples").join(format!("{name}.c"))
}

/// Runs an example, and checks what it prints against the library in Rust.
fn check_example(name: &str, mut command: Command, work: &Work) {
    let catalog = Model::from_contents(sample_with_vectors()).unwrap().catalog().unwrap().unwrap();
    let mut scratch = Scratch::new(&catalog).unwrap();
    let mut questions = Questions::new(&catalog).unwrap();
    let mut user = User::new(&catalog, &[]).unwrap();
    let options = RecommendOptions::default();
    let mut best = Vec::new();
    let mut expected = String::new();
    let mut ask = |user: &User| {
        user.next_question(&mut questions, QuestionOptions::default()).unwrap().unwrap()
    };
    match name {
        "service" => {
            command.arg(work.model());
            expected.push_str("2000 requests answered, 4 items\n");
        }
        "mobile" => {
            command.stdin(Stdio::from(fs::File::open(work.model()).unwrap()));
            for _ in 0..2 {
                let item = ask(&user).item;
                user.rate(item, 4.0, &mut scratch).unwrap();
            }
            user.recommend(3, &options, &mut best, &mut scratch).unwrap();
            expected.push_str("back again, as before\n");
            for best in best {
                expected += &format!("{}\t{:.3}\n", catalog.id(best.item).unwrap(), best.score);
            }
            expected.push_str("the asset is given back\n");
        }
        _ => {
            command.arg(work.model()).args(["region=e", "two:4.5", "one:2"]);
            user = User::new(&catalog, &[("region", "e".into())]).unwrap();
            user.adapt(&[1, 0], &[4.5, 2.0], &mut scratch).unwrap();
            let question = ask(&user);
            user.recommend(5, &options, &mut best, &mut scratch).unwrap();
            let best = best.iter().map(|best| (best.item, best.score));
            for (heading, items) in [
                ("ask about:\n", vec![(question.item, question.known)]),
                ("recommended:\n", best.collect()),
            ] {
                expected.push_str(heading);
                for (item, score) in items {
                    let (id, title) = (catalog.id(item).unwrap(), catalog.title(item).unwrap());
                    expected += &format!("{id}\t{title}\t{score:.3}\n");
                }
            }
        }
    }
    assert_eq!(run(&mut command), expected, "{name}");
}

/// The library as it is installed without options, and by `--small`.
fn both() -> impl Iterator<Item = &'static Path> {
    installed().into_iter().chain(installed_small())
}

fn with_library_path(program: PathBuf, prefix: &Path) -> Command {
    let mut command = Command::new(program);
    command.env("LD_LIBRARY_PATH", prefix.join("lib"));
    command
}

#[test]
fn examples_build_and_run_by_pkg_config() {
    let Some(prefix) = installed().filter(|_| have("pkg-config")) else { return };
    let work = Work::new();
    let (flags, libraries) = (pkg_config(prefix, &["--cflags"]), pkg_config(prefix, &["--libs"]));
    let private = pkg_config(prefix, &["--libs", "--static"]);
    assert!(private.join(" ").ends_with(LIBS_PRIVATE), "{private:?}");
    for name in EXAMPLES {
        let mut shared = compile(&work, "cc", &example(name), &["-pthread", "-o", name]);
        run(shared.args(&flags).args(&libraries));
        check_example(name, with_library_path(work.path(name), prefix), &work);
        // All of it static, the C library too.
        let mut alone = compile(&work, "cc", &example(name), &["-pthread", "-static", "-o", name]);
        run(alone.args(&flags).args(&private));
        check_example(name, Command::new(work.path(name)), &work);
    }
    // What people see first: what to ask, and an error that names what is wrong.
    let ask = run(Command::new(work.path("cold_start")).arg(work.model()));
    assert!(ask.starts_with("ask about:\n") && ask.contains("\nrecommended:\n"), "{ask}");
    let wrong = Command::new(work.path("cold_start")).arg("/no/such/file").output().unwrap();
    assert_eq!(wrong.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("/no/such/file"));
}

#[test]
fn examples_build_and_run_by_cmake_from_wherever_the_tree_was_moved_to() {
    let Some(prefix) = installed().filter(|_| have("cmake")) else { return };
    let work = Work::new();
    let moved = work.path("moved");
    run(Command::new("cp").arg("-a").arg(prefix).arg(&moved));
    let mut configure = Command::new("cmake");
    configure.arg("-S").arg(project("bindings/c/examples")).arg("-B").arg(work.path("build"));
    run(configure.arg(format!("-DCMAKE_PREFIX_PATH={}", moved.display())));
    run(Command::new("cmake").arg("--build").arg(work.path("build")));
    for name in EXAMPLES {
        for program in [name.to_string(), format!("{name}-static")] {
            check_example(name, Command::new(work.path("build").join(program)), &work);
        }
    }
    let rpath = run(Command::new("readelf").arg("-d").arg(work.path("build/mobile")));
    assert!(rpath.contains("[libmelu.so.1]"), "{rpath}");
    assert!(rpath.contains(moved.to_str().unwrap()), "{rpath}");
}

#[test]
fn the_installed_tree_is_complete_under_any_prefix_and_destdir() {
    if installed().is_none() {
        return;
    }
    let work = Work::new();
    let mut install = Command::new(project("bindings/c/install.sh"));
    install.env("DESTDIR", work.path("package"));
    run(install.args(["--prefix=/opt/melu", "--libdir", "lib/some-arch"]));
    let prefix = work.path("package/opt/melu");
    let lib = prefix.join("lib/some-arch");
    for file in [
        "libmelu.a",
        "libmelu.so",
        "libmelu.so.1",
        "libmelu.so.1.0.0",
        "pkgconfig/melu.pc",
        "cmake/melu/melu-config.cmake",
        "cmake/melu/melu-config-version.cmake",
    ] {
        assert!(lib.join(file).exists(), "{file}");
    }
    assert_eq!(fs::read_link(lib.join("libmelu.so")).unwrap(), Path::new("libmelu.so.1"));
    for header in ["include/melu.h", "bindings/cpp/melu.hpp"] {
        let name = Path::new(header).file_name().unwrap();
        let installed = fs::read(prefix.join("include").join(name)).unwrap();
        assert_eq!(installed, fs::read(project(header)).unwrap(), "{header}");
    }
    for file in ["pkgconfig/melu.pc", "cmake/melu/melu-config.cmake"] {
        let text = fs::read_to_string(lib.join(file)).unwrap();
        assert!(!text.contains('@') && !text.contains("/opt"), "{text}");
    }
    if have("pkg-config") {
        let mut flags = Command::new("pkg-config");
        flags.env("PKG_CONFIG_PATH", lib.join("pkgconfig")).args(["--cflags", "--libs", "melu"]);
        let flags = run(&mut flags);
        let mut command = compile(&work, "cc", &example("mobile"), &["-o", "mobile"]);
        run(command.args(flags.split_whitespace()));
    }
    let wrong = Command::new(project("bindings/c/install.sh")).arg("--prefx").output().unwrap();
    assert!(!wrong.status.success() && !wrong.stderr.is_empty());
}

/// The golden file's functions.
fn golden_functions() -> Vec<String> {
    let golden = fs::read_to_string(project("tests/golden/abi.txt")).unwrap();
    let names = golden.lines().filter_map(|line| {
        let declaration = line.strip_prefix("function ")?;
        let name = declaration[..declaration.find('(')?].rsplit([' ', '*']).next()?;
        Some(name.to_string())
    });
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[test]
fn only_the_functions_of_the_abi_are_exported() {
    let libraries = [("libmelu.so", &["-D"][..]), ("libmelu.a", &["--extern-only"])];
    for (prefix, (library, options)) in
        both().flat_map(|prefix| libraries.map(|library| (prefix, library)))
    {
        let mut nm = Command::new("nm");
        nm.args(options).arg("--defined-only").arg(prefix.join("lib").join(library));
        let listed = run(&mut nm);
        let mut names: Vec<&str> =
            listed.lines().filter_map(|line| line.split_whitespace().nth(2)).collect();
        names.sort();
        assert_eq!(names, golden_functions(), "{library}");
    }
}

#[test]
fn the_small_library_is_small_and_does_the_same() {
    let Some(prefix) = installed_small() else { return };
    if cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        for (library, bytes) in [("libmelu.so", 600_000), ("libmelu.a", 1_000_000)] {
            let found = fs::metadata(prefix.join("lib").join(library)).unwrap().len();
            assert!(found < bytes, "{library} has {found} bytes");
        }
    }
    let work = Work::new();
    for name in EXAMPLES {
        for alone in [false, true] {
            link(&work, prefix, &example(name), alone);
            check_example(name, with_library_path(work.path("program"), prefix), &work);
        }
    }
}

/// Compiles a file to `program`, with the shared library or the static one alone.
fn link(work: &Work, prefix: &Path, source: &Path, alone: bool) {
    let (mut command, lib) =
        (compile(work, "cc", source, &["-pthread", "-o", "program"]), prefix.join("lib"));
    command.arg("-I").arg(prefix.join("include"));
    match alone {
        true => command.arg(lib.join("libmelu.a")).args(LIBS_PRIVATE.split(' ')),
        false => command.arg("-L").arg(lib).arg("-lmelu"),
    };
    run(&mut command);
}

/// Where a tensor begins in a weight file.
fn tensor_start(file: &[u8], name: &str) -> u64 {
    let (length, rest) = file.split_first_chunk().unwrap();
    let length = u64::from_le_bytes(*length);
    let header: serde_json::Value = serde_json::from_slice(&rest[..length as usize]).unwrap();
    8 + length + header[name]["data_offsets"][0].as_u64().unwrap()
}

#[test]
fn a_panic_inside_the_installed_library_is_told_by_its_status() {
    let work = Work::new();
    // Borrowed bytes that change, which the header forbids, are what it panics at.
    let main = r#"
        #include <melu.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        static int report(melu_status status, const melu_error *error) {
            return printf("%d %s\n", (int)status, error->message) < 0;
        }
        int main(int count, char **arguments) {
            static unsigned long long bytes[1 << 14];
            FILE *file = fopen(arguments[1], "rb");
            size_t len = file == NULL ? 0 : fread(bytes, 1, sizeof bytes, file);
            melu_open_options options = {sizeof options, 0, 0, 1, NULL, NULL};
            melu_model *model;
            melu_catalog *catalog;
            melu_str id;
            melu_error error;
            if (count != 3 || melu_model_open_bytes(bytes, len, &options, &model, &error) ||
                melu_model_catalog(model, &catalog, &error)) return 1;
            memset((char *)bytes + atol(arguments[2]) + 8, 255, 8);
            report(melu_catalog_id(catalog, 1, &id, &error), &error);
            report(melu_catalog_id(catalog, 0, &id, &error), &error);
            melu_catalog_free(catalog);
            melu_model_free(model);
            fclose(file);
            return 0;
        }"#;
    fs::write(work.path("main.c"), main).unwrap();
    let offsets = tensor_start(&fs::read(work.model()).unwrap(), "catalog.ids.offsets");
    let panic = melu_status::Panic as u32;
    for (prefix, alone) in both().flat_map(|prefix| [(prefix, false), (prefix, true)]) {
        link(&work, prefix, &work.path("main.c"), alone);
        let mut program = with_library_path(work.path("program"), prefix);
        let output = program.arg(work.model()).arg(offsets.to_string()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let lines: Vec<&str> = said.lines().collect();
        let [first, second] = lines[..] else { panic!("{:?}\n{said}", output.status) };
        let expected = format!("{panic} the library panicked, which it should not: range ");
        assert!(first.starts_with(&expected), "{said}");
        let expected = format!("{panic} catalog: the library panicked while it was used");
        assert!(second.starts_with(&expected), "{said}");
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    }
}

#[test]
fn the_static_archive_links_beside_another_of_rust() {
    let work = Work::new();
    let source = "
        #[no_mangle]
        pub extern \"C\" fn other(number: i32) -> i32 {
            let caught = std::panic::catch_unwind(|| if number > 3 { panic!() } else { number });
            std::panic::set_hook(Box::new(|_| {}));
            caught.unwrap_or(-1)
        }";
    fs::write(work.path("other.rs"), source).unwrap();
    let main = "#include <melu.h>\n#include <stdio.h>\nint other(int);\nint main(void) {\n\
                melu_model *model;\n\
                melu_status status = melu_model_open(melu_str_of(\"none\"), NULL, &model, NULL);\n\
                printf(\"%d %d %d\\n\", other(3), other(4), (int)status);\n  return 0;\n}\n";
    fs::write(work.path("main.c"), main).unwrap();
    // That of this build, and a system's own, which is another version.
    for compiler in ["rustc", "/usr/bin/rustc"] {
        if Command::new(compiler).arg("--version").output().is_err() {
            common::skipped(&format!("{compiler} is not here"));
            continue;
        }
        let mut rustc = Command::new(compiler);
        rustc.current_dir(&work.0).args(["--edition=2021", "--crate-type=staticlib", "-O"]);
        run(rustc.arg("other.rs"));
        // In both orders: neither may count on the other's names.
        for prefix in both() {
            let (ours, other) = (prefix.join("lib/libmelu.a"), work.path("libother.a"));
            for archives in [[&ours, &other], [&other, &ours]] {
                let mut command = compile(&work, "cc", &work.path("main.c"), &["-o", "main"]);
                command.arg("-I").arg(prefix.join("include")).args(archives);
                run(command.args(LIBS_PRIVATE.split(' ')));
                assert_eq!(run(&mut Command::new(work.path("main"))), "3 -1 4\n");
            }
        }
    }
}

/// Memory errors, leaks and races, as those tools see them that look at compiled code.
#[test]
fn valgrind_finds_nothing() {
    let Some(prefix) = installed().filter(|_| have("valgrind")) else { return };
    let work = Work::new();
    for name in EXAMPLES {
        let lib = prefix.join("lib");
        let mut command = compile(&work, "cc", &example(name), &["-g", "-pthread", "-o", name]);
        run(command.arg("-I").arg(prefix.join("include")).arg("-L").arg(&lib).arg("-lmelu"));
        let mut valgrind = Command::new("valgrind");
        valgrind.env("LD_LIBRARY_PATH", lib).args([
            "--quiet",
            "--error-exitcode=99",
            "--leak-check=full",
            "--errors-for-leak-kinds=definite,indirect,possible",
        ]);
        valgrind.arg(work.path(name));
        check_example(name, valgrind, &work);
    }
}

#[test]
fn the_sanitizers_find_nothing() {
    let Some(prefix) = installed() else { return };
    let work = Work::new();
    // The library is not instrumented: of its atomic counters the tool sees nothing, and
    // takes what they order for races. What the C side does is seen.
    fs::write(work.path("suppress"), "called_from_lib:libmelu.so\n").unwrap();
    for sanitizer in ["address,undefined", "thread"] {
        for name in EXAMPLES {
            let flag = format!("-fsanitize={sanitizer}");
            let options = ["-g", "-pthread", &flag, "-fno-sanitize-recover=all", "-o", name];
            let mut command = compile(&work, "gcc", &example(name), &options);
            let lib = prefix.join("lib");
            run(command.arg("-I").arg(prefix.join("include")).arg("-L").arg(&lib).arg("-lmelu"));
            let mut program = with_library_path(work.path(name), prefix);
            program
                .env("TSAN_OPTIONS", format!("suppressions={}", work.path("suppress").display()));
            check_example(name, program, &work);
        }
    }
}
