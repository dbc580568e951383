//! The shape of the library's sources: imports go down only, and files stay small.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The layers, lowest first. A module imports from its own layer and from those below.
const LAYERS: &[&[&str]] = &[
    &["units", "digest", "time", "environment", "model", "suggestion", "pattern", "corpus", "blob_id"],
    &["error", "address"],
    &["fs", "lock", "document", "notice", "progress", "signature", "unpack"],
    &["config", "builtin", "catalog", "pins", "provider_kind", "run", "event", "store", "testkit"],
    &["fetch", "provider"],
    &["restore"],
    &["archive", "ask", "cached_model", "command", "fill", "bypass", "cache", "prepared", "private", "proof", "room"],
    &["report"],
    &["warm", "hub", "pinning"],
    &["harness"],
    &["cli"],
];

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../cache-harness/src")
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The top-level module that a file belongs to, if it is not the root or the program.
fn module(file: &Path) -> Option<String> {
    let inside = file.strip_prefix(sources()).unwrap();
    let first = inside.components().next()?.as_os_str().to_str()?;
    let name = first.strip_suffix(".rs").unwrap_or(first);
    (!matches!(name, "lib" | "bin")).then(|| name.to_owned())
}

/// The modules that a file names after `crate::`, its own tests aside.
fn imports(text: &str) -> Vec<String> {
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut found = Vec::new();
    for (index, _) in code.match_indices("crate::") {
        let rest = &code[index + "crate::".len()..];
        let names = match rest.strip_prefix('{') {
            Some(group) => group.split('}').next().unwrap_or_default(),
            None => rest.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default(),
        };
        let first = |name: &str| name.trim().split("::").next().unwrap_or_default().to_owned();
        found.extend(names.split(',').map(first).filter(|name| name.starts_with(|c: char| c.is_lowercase())));
    }
    found
}

#[test]
fn imports_go_down_only() {
    let rank: BTreeMap<&str, usize> =
        LAYERS.iter().enumerate().flat_map(|(rank, names)| names.iter().map(move |name| (*name, rank))).collect();
    let mut wrong = Vec::new();
    for file in rust_files(&sources()) {
        let Some(module) = module(&file) else { continue };
        let Some(own) = rank.get(module.as_str()) else {
            wrong.push(format!("`{module}` is in no layer"));
            continue;
        };
        for import in imports(&std::fs::read_to_string(&file).unwrap()) {
            match rank.get(import.as_str()) {
                Some(other) if other > own => {
                    wrong.push(format!("{}: `{module}` imports `{import}` from above", file.display()));
                }
                _ => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_store_knows_no_http_and_nobody_imports_the_harness() {
    for file in rust_files(&sources()) {
        let text = std::fs::read_to_string(&file).unwrap();
        let Some(module) = module(&file) else { continue };
        assert!(module != "store" || !text.contains("reqwest"), "{} names reqwest", file.display());
        assert!(module == "harness" || !text.contains("crate::harness"), "{} imports the harness", file.display());
    }
}

#[test]
fn no_file_has_more_than_400_lines() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for folder in ["cache-harness/src", "cache-harness-macros/src", "tests"] {
        for file in rust_files(&root.join(folder)).iter().filter(|file| !file.starts_with(root.join("tests/target"))) {
            let lines = std::fs::read_to_string(file).unwrap().lines().count();
            assert!(lines <= 400, "{} has {lines} lines", file.display());
        }
    }
}
