//! Measuring speed by the command line.

#![cfg(feature = "cli")]

use std::path::Path;
use std::process::{Command, Output};

fn melu(folder: &Path, line: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_melu"));
    command.current_dir(folder).args(line.split(' ')).output().unwrap()
}

fn succeeds(folder: &Path, line: &str) -> String {
    let output = melu(folder, line);
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_level_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    succeeds(folder, "synth world --users 100 --items 80 --ratings-per-user 30");
    for recipe in ["default", "paper"] {
        let line = format!("train world -o {recipe}.melu --recipe {recipe} --epochs 1");
        succeeds(folder, &line);
        let line = format!("bench {recipe}.melu --items 200 --ratings 3 --seconds 0");
        let report: serde_json::Value =
            serde_json::from_str(&succeeds(folder, &format!("{line} --json"))).unwrap();
        let others = report["others"].as_array().unwrap();
        let reports: Vec<_> = [&report].into_iter().chain(others).collect();
        let names: Vec<&str> =
            reports.iter().map(|report| report["kernel"].as_str().unwrap()).collect();
        assert_eq!(names, melu::kernel_names());
        for report in reports {
            assert!(report["peak_gflops"].as_f64().unwrap() > 0.0 && report["threads"] == 1);
            let rows = report["rows"].as_array().unwrap();
            let work: Vec<_> = rows.iter().map(|row| row["work"].as_str().unwrap()).collect();
            assert_eq!(work, ["adapt", "score", "recommend", "adapt_and_recommend"]);
            for row in rows {
                let at = |key: &str| row[key].as_f64().unwrap();
                assert!(0.0 < at("median_us") && at("median_us") <= at("p99_us"), "{row}");
                assert!(at("gflops") > 0.0 && at("share_of_peak") > 0.0, "{row}");
            }
        }
        let table = succeeds(folder, &line);
        assert!(melu::kernel_names().iter().all(|name| table.contains(name)), "{table}");
        assert!(table.contains("adapt and recommend"), "{table}");
    }
    for (line, told) in [
        ("bench paper.melu --seconds -1", "seconds"),
        ("bench paper.melu --items 5", "5"),
        ("bench paper.melu --ratings 0", "0"),
        ("bench world", "world"),
    ] {
        let output = melu(folder, line);
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && message.contains(told), "{line}: {message}");
    }
}
