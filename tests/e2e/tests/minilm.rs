//! The real all-MiniLM-L6-v2, as its consumers use it.
#![expect(clippy::print_stdout, reason = "`run` shows what was computed")]

use std::fs;

use cache_harness::{CachedModel, cached_model};
use e2e::{Embedder, Result};
use hf_hub::HFClientSync;

#[cached_model("minilm")]
#[test]
fn cat_is_nearer_to_kitten_than_to_airplane(model: CachedModel) -> Result<()> {
    let embedder = Embedder::load(model.path())?;
    let kitten = embedder.nearness("cat", "kitten")?;
    let airplane = embedder.nearness("cat", "airplane")?;
    println!("cosine of cat and kitten {kitten:.4}, of cat and airplane {airplane:.4}");
    assert!(kitten > airplane + 0.4, "{kitten} is not far above {airplane}");
    // As the same forward pass gives them in double precision.
    assert!((kitten - 0.7882).abs() < 0.001 && (airplane - 0.3371).abs() < 0.001);
    Ok(())
}

/// `HF_HOME` is the root that the catalog configures, so this is the client's own look-up.
#[cached_model("minilm")]
#[test]
fn hf_hub_finds_every_file_without_the_network(model: &CachedModel) -> Result<()> {
    let repository = HFClientSync::new()?.model("sentence-transformers", "all-MiniLM-L6-v2");
    let commit = model.path().file_name().and_then(|name| name.to_str()).ok_or("no commit")?;
    assert!(!model.files().is_empty());
    for revision in ["main", commit] {
        let folder = repository.snapshot_download().revision(revision).local_files_only(true).send()?;
        assert_eq!(fs::canonicalize(folder)?, fs::canonicalize(model.path())?);
        for file in model.files() {
            let request = repository.download_file().filename(file.name.as_str()).revision(revision);
            let found = request.local_files_only(true).send()?;
            assert_eq!(fs::canonicalize(&found)?, fs::canonicalize(&file.path)?, "{}", file.name);
            assert_eq!(fs::metadata(&found)?.len(), fs::metadata(&file.path)?.len(), "{}", file.name);
        }
    }
    Ok(())
}
