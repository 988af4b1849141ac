use serde_json::Value;

use crate::program::{folder, run, run_well};

#[test]
fn tuning_needs_no_database_and_prints_what_serve_takes() {
    let folder = folder();
    let json = run_well(folder.path(), &["tune", "--target", "1ms", "--json"]);
    let found: Value = serde_json::from_str(&json).unwrap();
    // Less than a millisecond is not to be had at the least cost that is safe.
    assert_eq!(found["argon2"], "m=19456,t=2,p=1");
    assert!(
        found["log_ins_per_second"].as_f64().unwrap() > 1.0,
        "{json}"
    );
    assert!(found["milliseconds"].as_f64().unwrap() > 1.0, "{json}");
    let told = run_well(
        folder.path(),
        &["tune", "--target", "1ms", "--hash-arenas", "1"],
    );
    assert!(told.starts_with("--argon2 m=19456,t=2,p=1\n"), "{told}");
    assert!(
        told.contains("log-ins a second") && told.contains("19 MiB"),
        "{told}"
    );
    assert!(told.contains("longer than the target"), "{told}");
    assert!(!folder.path().join(".passgate").exists());
}

#[test]
fn a_target_out_of_bounds_is_refused() {
    let folder = folder();
    let output = run(folder.path(), &["tune", "--target", "11s"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("1ms to 10s"), "{said}");
}
