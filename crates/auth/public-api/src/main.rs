//! Prints the public API that a rustdoc JSON file describes, an item a line
//! (`scripts/public-api.sh`).

use std::env;
use std::error::Error;
use std::io::{self, Write};

/// Traits that nobody names: the compiler's own, and those that every type here has anyway.
const UNNAMED: [&str; 5] = [
    "core::marker::Freeze",
    "core::marker::StructuralPartialEq",
    "core::marker::Unpin",
    "core::marker::UnsafeUnpin",
    "core::panic::unwind_safe::",
];

fn main() -> Result<(), Box<dyn Error>> {
    let json = env::args_os().nth(1).ok_or("which rustdoc JSON file?")?;
    let api = public_api::Builder::from_rustdoc_json(json)
        // What std implements for everything is no promise of ours.
        .omit_blanket_impls(true)
        .build()?;
    let mut out = io::stdout().lock();
    for item in api.items().map(ToString::to_string) {
        let is_unnamed = |name: &&str| item.starts_with("impl") && item.contains(*name);
        if !UNNAMED.iter().any(|name| is_unnamed(name)) {
            writeln!(out, "{item}")?;
        }
    }
    Ok(())
}
