use cache_harness_macros::cached_model;

#[cached_model("moved")]
#[test]
fn another_revision() {}

#[cached_model("moved-folder")]
#[test]
fn another_folder() {}

#[cached_model("zipped")]
#[test]
fn another_archive() {}

#[cached_model("zebra-files")]
#[test]
fn other_files() {}

fn main() {}
