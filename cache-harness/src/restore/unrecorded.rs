//! Restoring to places that the cache does not look after: no record, no turn, and so maybe others at the same time.

use std::io::ErrorKind;
use std::path::PathBuf;

use super::has_digest;
use crate::digest::Sha256Digest;
use crate::error::{Error, Result};
use crate::fs::{self, Found, Placing};
use crate::model::{FilePath, ModelName};
use crate::provider::{Differing, Item, Layout, Wanted};

/// Makes `layout` true on disk without a record: for places that the cache does not look after.
///
/// `blob` gives a verified file with the digest; it is asked only for what is missing.
///
/// # Errors
///
/// [`Error::Foreign`] if other content stands in the way.
pub(crate) fn place_unrecorded(
    model: &ModelName,
    layout: &Layout,
    mut blob: impl FnMut(&FilePath, &Sha256Digest) -> Result<PathBuf>,
) -> Result<()> {
    for item in &layout.items {
        let mut attempts = 8;
        loop {
            match place_item_unrecorded(model, layout, item, &mut blob) {
                // Another process was faster: what it put there is looked at.
                Err(Error::Io { source, .. }) if source.kind() == ErrorKind::AlreadyExists && attempts > 0 => {
                    attempts -= 1;
                }
                placed => break placed?,
            }
        }
    }
    Ok(())
}

fn place_item_unrecorded(
    model: &ModelName,
    layout: &Layout,
    item: &Item,
    blob: &mut impl FnMut(&FilePath, &Sha256Digest) -> Result<PathBuf>,
) -> Result<()> {
    if let Some(parent) = item.path.parent() {
        fs::create_folders(parent)?;
    }
    let (Wanted::Bytes { file, sha256 } | Wanted::Pointer { file, sha256, .. }) = &item.wanted else {
        return place_text(model, item);
    };
    match fs::look_through(&item.path)? {
        Found::File(_) if has_digest(&item.path, sha256)? => return Ok(()),
        Found::Nothing if fs::look(&item.path)? == Found::Nothing => {}
        _ => {
            let (model, path) = (model.to_string(), item.path.clone());
            return Err(Error::Foreign { model, file: file.to_string(), path });
        }
    }
    let source = match &item.wanted {
        Wanted::Pointer { target, .. } => target.clone(),
        _ => blob(file, sha256)?,
    };
    let source = fs::Source { path: &source, digest: sha256, tag: fs::TEMPORARY, stamp: None };
    match &item.wanted {
        Wanted::Pointer { leads_to, .. } => match fs::place_symlink(source, &item.path, Placing::New) {
            Err(Error::Io { source: error, .. }) if fs::has_no_symlinks(&error) => {
                let source = fs::Source { path: leads_to, ..source };
                fs::place(source, &item.path, layout.ladder, Placing::New).map(drop)
            }
            linked => linked,
        },
        _ => fs::place(source, &item.path, layout.ladder, Placing::New).map(drop),
    }
}

fn place_text(model: &ModelName, item: &Item) -> Result<()> {
    let Wanted::Text { text, differing } = &item.wanted else { return Ok(()) };
    match (fs::look(&item.path)?, differing) {
        (Found::Nothing, _) => fs::write_new(&item.path, text.as_bytes()),
        (Found::File(_), Differing::Refused) if fs::read_text(&item.path)?.as_ref() == Some(text) => Ok(()),
        (_, Differing::Refused) => {
            Err(Error::Foreign { model: model.to_string(), file: super::own_name(&item.path), path: item.path.clone() })
        }
        (_, Differing::LeftAlone) => Ok(()),
    }
}
