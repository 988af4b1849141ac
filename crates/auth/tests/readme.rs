//! What the README says of itself.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

const README: &str = include_str!("../README.md");

/// The code between the lines that rustdoc hides.
fn services() -> Vec<Vec<&'static str>> {
    let blocks = README.split("```rust\n# #[cfg(all(feature").skip(1);
    blocks
        .map(|block| block.split("```").next().unwrap())
        .map(|code| {
            let lines = code.lines().skip(1).filter(|line| !line.is_empty());
            lines.filter(|line| !line.starts_with("# ")).collect()
        })
        .collect()
}

#[test]
fn a_service_that_checks_tokens_has_13_lines_and_3_imports() {
    assert!(README.contains("This is the whole service, 13 lines and 3 imports:"));
    let services = services();
    assert_eq!(services.len(), 2);
    for service in services {
        let (imports, lines): (Vec<&str>, Vec<&str>) =
            service.iter().partition(|line| line.starts_with("use "));
        assert_eq!((lines.len(), imports.len()), (13, 3), "{lines:#?}");
    }
}

#[test]
fn both_licences_are_in_the_package() {
    for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(licence);
        assert!(file.is_file(), "{licence}");
    }
}
