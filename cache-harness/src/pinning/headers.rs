//! What the files of a pinned model declare, read in the project, in the store, or in parts where they come from.
//!
//! Of what is neither here nor in the store only the header is fetched. No digest vouches for that: a source that lies
//! makes the comparison wrong, and not the bytes that tests get.

use super::{Pinning, fetch};
use crate::address;
use crate::catalog::{Declared, Source};
use crate::error::{Error, Result};
use crate::fs;
use crate::model::FilePath;
use crate::pins::{PinnedFile, Pins};
use crate::signature::{Format, Signature, Unreadable};
use crate::store::{Checked, OnDamage, Proofs};

impl Pinning<'_> {
    /// What the model declares in all its files of a known format; or why that cannot be told.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, and what a header that must be fetched failed with.
    pub(crate) fn signature(self, declared: &Declared, pins: &Pins) -> Result<Result<Signature, String>> {
        let mut all = None;
        for (file, format) in signed(pins) {
            let read = match self.read_header(declared, pins, file, format)? {
                Ok(signature) => all.get_or_insert_with(Signature::default).unite(signature),
                Err(error) => Err(error),
            };
            match read {
                Ok(()) => {}
                Err(Unreadable::Malformed(reason)) => return Ok(Err(format!("`{}`: {reason}", file.path))),
                Err(Unreadable::Io(error)) => {
                    let failed = |error| Error::io("read", file.path.as_str())(error);
                    return Err(error.downcast::<Error>().unwrap_or_else(failed));
                }
            }
        }
        Ok(all.ok_or_else(|| format!("`{}` has no safetensors, GGUF or ONNX file", declared.name)))
    }

    fn read_header(
        self,
        declared: &Declared,
        pins: &Pins,
        file: &PinnedFile,
        format: Format,
    ) -> Result<Result<Signature, Unreadable>> {
        if let Source::Path(path, _) = &declared.source {
            let path = if path.is_dir() { file.path.below(path) } else { path.clone() };
            let opened = fs::open_through(&path).map_err(Error::io("read", &path))?;
            return Ok(Signature::read(format, opened));
        }
        let mut proofs = Proofs::new(self.store, self.config.rehash_after.value, OnDamage::Leave);
        if let Checked::Proven(_) = proofs.check(&file.sha256, None)?
            && let Ok(blob) = fs::open(&self.store.blob(&file.sha256))
        {
            return Ok(Signature::read(format, blob));
        }
        let (model, sources) = (declared.name.as_str(), fetch::Source::of(declared, pins, file, self.config));
        let not_here = |reason: String| Err(Unreadable::Malformed(reason));
        let Some(size) = file.size.filter(|_| pins.archive.is_none()) else {
            return Ok(not_here(format!("it is not in the cache, where `cache-harness warm {model}` puts it")));
        };
        let offline = &self.config.offline;
        if offline.value {
            let url = sources.iter().find_map(|source| match source {
                fetch::Source::Url(address) => Some(address::shown(&address.url)),
                fetch::Source::Path(_) => None,
            });
            let reason = format!("its header is not here, and the network is off ({})", offline.origin);
            return Err(Error::Refused { url: url.unwrap_or_default(), reason });
        }
        let job = fetch::Job { model, file: &file.path, sources: &sources, patience: self.config.patience.value };
        Ok(Signature::read(format, self.fetcher.open(job, size, self.progress)?))
    }
}

/// The files whose headers count, as they are named in messages.
pub(crate) fn signed_files(pins: &Pins) -> String {
    const NAMED: usize = 3;
    let paths: Vec<&FilePath> = signed(pins).map(|(file, _)| &file.path).collect();
    let named: Vec<_> = paths.iter().take(NAMED).map(|path| format!("`{path}`")).collect();
    match paths.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

fn signed(pins: &Pins) -> impl Iterator<Item = (&PinnedFile, Format)> {
    pins.files.iter().filter_map(|file| Some((file, Format::of(file.path.as_str())?)))
}
