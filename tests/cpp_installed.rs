//! `melu.hpp` in an installed library: its tests, for all compilers, standards and
//! sanitizers, and what programs build on it.

#![cfg(feature = "train")]

mod c;
mod common;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use c::{STRICT, have, have_package, installed, project, run};
use common::choosing::{positive_only, trained, with_ratings};
use common::files::{bytes, sample, sample_with_vectors};
use melu::{Model, RecommendOptions, User};
use serde_json::{Value as Json, json};

/// The folder with the models that the C++ tests read.
fn models() -> &'static Path {
    static MODELS: OnceLock<PathBuf> = OnceLock::new();
    MODELS.get_or_init(|| {
        let folder = work("models");
        fs::write(folder.join("sample.melu"), bytes(&sample())).unwrap();
        fs::write(folder.join("sample_with_vectors.melu"), bytes(&sample_with_vectors())).unwrap();
        fs::write(folder.join("choosing.melu"), bytes(&with_ratings(150))).unwrap();
        fs::write(folder.join("positive_only.melu"), bytes(&positive_only(150))).unwrap();
        folder
    })
}

/// An empty folder below that of the test's build.
fn work(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cpp").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Builds a CMake project, and returns the folder with its programs.
fn cmake(source: &Path, name: &str, options: &[&str]) -> PathBuf {
    let build = work(name);
    run(Command::new("cmake").arg("-S").arg(source).arg("-B").arg(&build).args(options));
    run(Command::new("cmake").arg("--build").arg(&build));
    build
}

fn prefix_path(prefix: &Path) -> String {
    format!("-DCMAKE_PREFIX_PATH={}", prefix.display())
}

/// Builds the C++ tests with a compiler and a standard, and runs them.
fn check(compiler: &str, standard: &str, sanitizer: Option<&str>) -> Option<PathBuf> {
    let prefix = installed()?;
    if !have("cmake") || !have(compiler) || !have_package("gtest_main") {
        return None;
    }
    let flags = sanitizer.map_or(String::new(), |sanitizer| {
        format!("-g -O1 -fsanitize={sanitizer} -fno-sanitize-recover=all")
    });
    let build = cmake(
        &project("bindings/cpp/tests"),
        &format!("{compiler}-{standard}-{}", sanitizer.unwrap_or("plain")),
        &[
            &prefix_path(prefix),
            &format!("-DCMAKE_CXX_COMPILER={compiler}"),
            &format!("-DCMAKE_CXX_STANDARD={standard}"),
            &format!("-DCMAKE_CXX_FLAGS={flags}"),
        ],
    );
    // The library is not instrumented: of its atomic counters the tool sees nothing, and
    // takes what they order for races. What the C++ side does is seen.
    let suppressions = build.join("suppressions");
    fs::write(&suppressions, "called_from_lib:libmelu.so\n").unwrap();
    for program in ["throwing", "not_throwing"] {
        // Linked statically, the library has no name that could be excepted.
        if sanitizer == Some("thread") && program == "not_throwing" {
            continue;
        }
        let mut tests = Command::new(build.join(program));
        tests.env("MELU_TEST_MODELS", models());
        tests.env("TSAN_OPTIONS", format!("suppressions={}", suppressions.display()));
        let said = run(&mut tests);
        assert!(said.contains("[  PASSED  ]"), "{said}");
    }
    Some(build)
}

#[test]
fn cpp_17_by_gcc_and_cycles_take_no_memory() {
    let Some(build) = check("g++", "17", None) else { return };
    for model in ["sample.melu", "sample_with_vectors.melu"] {
        let model = models().join(model);
        let mut cycles = Command::new(build.join("cycles"));
        cycles.env("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0");
        println!("{}", run(cycles.arg(model).arg("20000")));
    }
}

#[test]
#[ignore = "takes minutes: see CONTRIBUTING.md"]
fn cpp_20_by_gcc() {
    check("g++", "20", None);
}

#[test]
#[ignore = "takes minutes: see CONTRIBUTING.md"]
fn cpp_23_by_gcc() {
    check("g++", "23", None);
}

#[test]
#[ignore = "takes minutes: see CONTRIBUTING.md"]
fn cpp_17_by_clang() {
    check("clang++", "17", None);
}

#[test]
fn cpp_20_by_clang() {
    check("clang++", "20", None);
}

#[test]
#[ignore = "takes minutes: see CONTRIBUTING.md"]
fn cpp_23_by_clang() {
    check("clang++", "23", None);
}

#[test]
#[ignore = "takes minutes: see CONTRIBUTING.md"]
fn addresses_and_undefined_behaviour() {
    check("g++", "17", Some("address,undefined"));
}

#[test]
#[ignore = "takes minutes: see CONTRIBUTING.md"]
fn threads() {
    check("g++", "20", Some("thread"));
}

/// Every setting that makes `melu.hpp` another one, in one program.
#[test]
fn translation_units_with_different_settings_link_together() {
    let Some(prefix) = installed() else { return };
    if !have("g++") {
        return;
    }
    let folder = work("mixed");
    let settings: [&[&str]; 4] = [
        &["-std=c++17"],
        &["-std=c++17", "-fno-exceptions", "-fno-rtti"],
        &["-std=c++20"],
        &["-std=c++23"],
    ];
    let mut link = Command::new("g++");
    link.current_dir(&folder);
    let mut main = String::new();
    for (unit, options) in settings.iter().enumerate() {
        let source = format!(
            "#include <array>\n#include <melu.hpp>\n\
             float score_{unit}(const char* path);\n\
             float score_{unit}(const char* path) {{\n\
             melu::expected<melu::Model> model = melu::Model::try_open(path);\n\
             melu::expected<melu::User> user = model->try_catalog()->try_user();\n\
             std::array<float, 3> scores;\n\
             std::array<std::uint32_t, 1> wrong = {{9}};\n\
             bool refused = !user->try_score(wrong, scores) && !melu::Model::try_open({unit} ? \
             \"none\" : \"\");\n\
             return refused && user->try_score_all(scores) ? scores[2] : {unit}.5f;\n}}\n"
        );
        let name = format!("unit_{unit}");
        fs::write(folder.join(format!("{name}.cpp")), source).unwrap();
        let mut compile = Command::new("g++");
        compile.current_dir(&folder).args(STRICT).args(*options).arg("-c");
        run(compile.arg("-I").arg(prefix.join("include")).arg(format!("{name}.cpp")));
        link.arg(format!("{name}.o"));
        main += &format!("float score_{unit}(const char* path);\n");
    }
    main += "int main(int, char** argv) {\nfloat score = score_0(argv[1]);\nreturn !(true";
    for unit in 1..settings.len() {
        main += &format!(" && score_{unit}(argv[1]) == score");
    }
    main += ");\n}\n";
    fs::write(folder.join("main.cpp"), main).unwrap();
    link.args(["main.cpp", "-o", "mixed", "-L"]).arg(prefix.join("lib")).arg("-lmelu");
    run(&mut link);
    let mut mixed = Command::new(folder.join("mixed"));
    mixed.env("LD_LIBRARY_PATH", prefix.join("lib"));
    run(mixed.arg(models().join("sample.melu")));
}

/// The recommendations of the sample model with vectors to a user without a profile.
fn recommended(items: &[u32], ratings: &[f32]) -> Vec<(String, f32)> {
    let model = Model::from_contents(sample_with_vectors()).unwrap();
    let catalog = model.catalog().unwrap().unwrap();
    let mut user = User::new(&catalog, &[]).unwrap();
    user.adapt(items, ratings, &mut common::scratch(&user)).unwrap();
    let mut best = Vec::new();
    user.recommend(20, &RecommendOptions::default(), &mut best, &mut common::scratch(&user))
        .unwrap();
    best.iter().map(|best| (catalog.id(best.item).unwrap().to_string(), best.score)).collect()
}

#[test]
fn benchmarks_run() {
    let Some(prefix) = installed() else { return };
    if !have("cmake") || !have_package("benchmark") {
        return;
    }
    let source = project("bindings/cpp/benchmarks");
    let build = cmake(&source, "benchmarks", &[&prefix_path(prefix)]);
    let mut benchmark = Command::new(build.join("melu_benchmark"));
    benchmark.arg(models().join("sample.melu")).arg("--benchmark_min_time=0.001");
    let said = run(&mut benchmark);
    for name in ["call", "adapt", "score", "score_all", "recommend", "one_by_one", "batch"] {
        for language in ["c", "cpp"] {
            assert!(said.contains(&format!("\n{name}_{language} ")), "{said}");
        }
    }
}

/// A program that is ended with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Sends a request, and returns the status and the body.
fn request(address: &str, what: &str, body: &str) -> (u32, Json) {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    let head = format!("{what} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    write!(stream, "{head}Content-Length: {length}\r\n\r\n{body}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or_else(|error| panic!("{answer}: {error}")))
}

/// The folder with usearch's headers, which `MELU_USEARCH` names; if it names none, says so,
/// or fails where nothing may be skipped.
fn usearch() -> Option<String> {
    let folder = std::env::var("MELU_USEARCH").ok().filter(|folder| !folder.is_empty());
    if folder.is_none() {
        let missing = "MELU_USEARCH does not say where usearch's headers are";
        assert!(std::env::var_os("MELU_REQUIRE_ALL").is_none(), "{missing}");
        common::skipped(missing);
    }
    folder
}

/// Candidates of an index of vectors, with the neighbours of the answers, have the same best
/// as the whole catalogue.
#[test]
fn the_best_by_an_index_of_vectors_are_those_of_the_catalogue() {
    let (Some(prefix), Some(usearch)) = (installed(), usearch()) else { return };
    if !have("cmake") {
        return;
    }
    let include = format!("-DUSEARCH_INCLUDE_DIR={usearch}");
    let source = project("bindings/cpp/examples/vector_index");
    let build = cmake(&source, "vector_index", &[&prefix_path(prefix), &include]);
    for (name, contents) in
        [("many", positive_only(5000)), ("rated", trained(false)), ("chosen", trained(true))]
    {
        let model = build.join(format!("{name}.melu"));
        fs::write(&model, bytes(&contents)).unwrap();
        let catalog = Model::from_contents(contents).unwrap().catalog().unwrap().unwrap();
        for answers in [&[][..], &[(3, 5.0)], &[(7, 4.0), (11, 1.0), (100, 5.0), (42, 4.5)]] {
            let mut example = Command::new(build.join("vector_index"));
            example.arg(&model);
            for (item, rating) in answers {
                example.arg(format!("{}:{rating}", catalog.id(*item).unwrap()));
            }
            let (items, ratings): (Vec<u32>, Vec<f32>) = answers.iter().copied().unzip();
            let mut user = User::new(&catalog, &[]).unwrap();
            user.adapt(&items, &ratings, &mut common::scratch(&user)).unwrap();
            let mut best = Vec::new();
            user.recommend(
                10,
                &RecommendOptions::default(),
                &mut best,
                &mut common::scratch(&user),
            )
            .unwrap();
            let mut expected = String::new();
            for found in &best {
                expected += &format!("{}\t{:.4}\n", catalog.id(found.item).unwrap(), found.score);
            }
            let items = catalog.len();
            expected += &format!("10 of the 10 best of all {items} items, at their places\n");
            assert_eq!(run(&mut example), expected, "{name}, {answers:?}");
        }
    }
}

#[test]
fn the_service_answers() {
    let Some(prefix) = installed() else { return };
    if !have("cmake") || !have_package("cpp-httplib") || !have_package("nlohmann_json") {
        return;
    }
    let lines = fs::read_to_string(project("bindings/cpp/examples/service.cpp")).unwrap();
    assert!(lines.lines().count() < 170);
    let build = cmake(&project("bindings/cpp/examples"), "examples", &[&prefix_path(prefix)]);
    let mut service = Command::new(build.join("service"));
    service.arg(models().join("sample_with_vectors.melu")).arg("0").stdout(Stdio::piped());
    let mut service = Running(service.spawn().unwrap());
    let mut said = String::new();
    BufReader::new(service.0.stdout.take().unwrap()).read_line(&mut said).unwrap();
    let address = said.trim().strip_prefix("listening on http://").unwrap();

    let asked = json!({"answers": [], "unknown": ["one"]});
    let (status, body) = request(address, "POST /question", &asked.to_string());
    let id = body["question"]["item"].as_str().unwrap_or_default();
    assert!(status == 200 && ["two", "three"].contains(&id), "{body}");

    // Twenty answers, of items that the catalogue has.
    let items: Vec<u32> = (0..20).map(|i| i % 2).collect();
    let ratings: Vec<f32> = (0..20).map(|i| 1.0 + (i % 5) as f32).collect();
    let answers = items.iter().zip(&ratings).map(|(item, rating)| {
        let id = ["one", "two"][*item as usize];
        json!({"item": id, "rating": rating})
    });
    let answers: Vec<Json> = answers.collect();
    let post = "POST /recommendations";
    let (status, body) = request(address, post, &json!({"answers": answers}).to_string());
    assert_eq!(status, 200, "{body}");
    let found = body["items"].as_array().unwrap().iter().map(|item| {
        (item["item"].as_str().unwrap().to_string(), item["score"].as_f64().unwrap() as f32)
    });
    assert_eq!(found.collect::<Vec<_>>(), recommended(&items, &ratings));

    let with_profile = json!({"answers": [], "profile": {"region": "e"}, "count": 2});
    let (status, body) = request(address, post, &with_profile.to_string());
    assert_eq!((status, body["items"].as_array().unwrap().len()), (200, 2), "{body}");

    for (wrong, word) in [
        (r#"{"answers": [{"item": "four", "rating": 1}]}"#, "four"),
        (r#"{"answers": [{"item": "one"}]}"#, "rating"),
        (r#"{"answers": [{"item": "one", "rating": 1e60}]}"#, "finite"),
        (r#"{"answers": [], "profile": {"planet": "e"}}"#, "planet"),
        (r#"{"answers": [], "profile": {"region": null}}"#, "string"),
        (r#"{"answers": [], "count": 0}"#, "count"),
        ("[]", "array"),
        ("{", "parse"),
    ] {
        let (status, body) = request(address, post, wrong);
        assert_eq!(status, 400, "{wrong}: {body}");
        assert!(body["error"].as_str().unwrap().contains(word), "{wrong}: {body}");
    }
}
