//! The bytes that fuzzing begins with, and those it found: `tests/fuzz/corpus`, a folder for each target.

use std::path::Path;

/// Checks each of them. A package that is tested on its own does not have them.
pub(crate) fn each(target: &str, check: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/corpus").join(target);
    let Ok(entries) = folder.read_dir() else { return };
    for entry in entries {
        check(&std::fs::read(entry.unwrap().path()).unwrap());
    }
}
