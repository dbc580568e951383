//! `add NAME SOURCE`: declares a model and pins it.

use std::path::{Component, Path, PathBuf};

use serde::Serialize;

use super::catalog_text::{self, Block};
use super::edit::{self, Edit, Unconfirmed};
use super::{Context, Verdict, remark, stand_in};
use crate::catalog::{Declared, Source};
use crate::error::{Error, Result};
use crate::model::ModelName;
use crate::pinning::{Commit, Pinned};
use crate::provider_kind::ProviderKind;
use crate::units::ByteSize;

#[derive(Debug, clap::Args)]
pub(super) struct Add {
    /// The name that tests ask for; NAME@VARIANT declares a variant of a model
    name: ModelName,
    /// `hf:owner/name` or `hf:owner/name@revision`, an address, a file or folder, or `builtin:group/name` (see `search`);
    /// further addresses are mirrors of the first
    #[arg(required = true, value_name = "SOURCE")]
    sources: Vec<String>,
    /// Whose layout the model is put into, such as directory, huggingface or ollama, or one that the catalog describes
    #[arg(long, value_name = "KIND")]
    provider: Option<String>,
    /// The id under which the model is loaded, such as owner/name; implies the provider huggingface
    #[arg(long, value_name = "ID")]
    hub_id: Option<String>,
    /// The address is one of an archive (.tar, .tar.gz, .zip …) or of a compressed file (.gz, .zst, .xz, .bz2)
    #[arg(long)]
    unpack: bool,
    /// The files to take of the repository or out of the archive, such as `*.onnx`; without it all, but of a
    /// repository's weights only one format
    #[arg(long, value_name = "PATTERN")]
    files: Vec<String>,
    /// The variant is a small stand-in that declares the tensors and inputs of its model, which is checked
    #[arg(long)]
    stand_in: bool,
    /// Pin a built-in model whose digest is unconfirmed, if its source confirms it
    #[arg(long)]
    accept_unconfirmed: bool,
}

#[derive(Serialize)]
struct Document<'a> {
    name: &'a str,
    files: usize,
    bytes: u64,
    max_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<&'a str>,
    /// Files of the repository that hold the same weights as others.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    left_out: &'a [String],
    /// What the repository is called now.
    #[serde(skip_serializing_if = "Option::is_none")]
    renamed: Option<&'a str>,
    lock: &'a Path,
    catalog: &'a Path,
}

impl Add {
    pub(super) fn run(&self, context: &Context) -> Result<Verdict> {
        let cache = context.cache()?;
        let inner = &cache.inner;
        let (name, path) = (&self.name, edit::catalog_path(inner));
        edit::refuse_newer(&inner.lock)?;
        if let Some(known) = inner.catalog.models.get(name) {
            return Ok(refuse_known(context, name, &path, known.line));
        }
        if name.variant().is_some() && !inner.catalog.models.keys().any(|known| known.as_str() == name.model()) {
            let message = format!("`{}` is not declared in `{}`, so it has no variants", name.model(), path.display());
            let hint = format!("`cache-harness add {} SOURCE` declares it", name.model());
            return Ok(refuse(context, &message, Some(&hint)));
        }
        if self.stand_in && name.variant().is_none() {
            let hint = format!("`cache-harness add {name}@mini SOURCE --stand-in` declares one of `{name}`");
            return Ok(refuse(context, "only a variant can be a stand-in", Some(&hint)));
        }
        let provider = self.provider.as_deref().map(|name| inner.config.providers.kind(name)).transpose();
        let block = match provider.and_then(|provider| self.block(path.parent().unwrap_or(&path), provider)) {
            Ok(block) => block,
            Err(message) => return Ok(refuse(context, &message, None)),
        };
        let text = catalog_text::insert(&edit::catalog_or_new(&path)?, name, &block)?;
        let read = edit::parse(&path, &text, inner);
        let (catalog, declared) = match read.and_then(|read| read.get(name.as_str()).cloned().map(|one| (read, one))) {
            Ok(read) => read,
            // The catalog was fine a moment ago, so its line says nothing: the arguments are wrong.
            Err(Error::Malformed { message, hint, .. }) => return Ok(refuse(context, &message, hint.as_deref())),
            Err(error) => return Err(error),
        };
        if let Source::Path(source, _) = &declared.source
            && !source.exists()
        {
            return Ok(refuse(context, &format!("`{}` does not exist", source.display()), None));
        }
        let unconfirmed = if self.accept_unconfirmed { Unconfirmed::Accepted } else { Unconfirmed::Refused };
        edit::admit(inner, &declared, unconfirmed)?;
        let pinned = edit::pin(inner, &declared, Commit::Renewed)?;
        let mut signed = stand_in::sign(inner, &catalog, vec![(name.clone(), pinned.pins.clone())]);
        if let Some(error) = signed.refused.pop() {
            let hint = "make the stand-in anew from the model, or leave `--stand-in` out; nothing was written";
            context.failure(&error.to_string(), Some(hint));
            return Ok(Verdict::Fails);
        }

        let mut edit = Edit::begin(inner)?;
        if let Some(known) = edit.catalog(inner)?.models.get(name) {
            return Ok(refuse_known(context, name, &path, known.line));
        }
        let base = edit.text.take().unwrap_or_else(|| catalog_text::NEW.to_owned());
        edit.text = Some(catalog_text::insert(&base, name, &block)?);
        if !declared.is_pinned_by_builtin() {
            edit.lock.models.extend(signed.blocks(&inner.lock, &edit.lock));
        }
        let lock = edit.lock.path.clone();
        edit.write()?;
        edit::keep(context, [name]);
        self.tell(context, &declared, &pinned, inner.config.max_size.value, (&lock, &path))
    }

    fn tell(
        &self,
        context: &Context,
        declared: &Declared,
        pinned: &Pinned,
        max_size: ByteSize,
        (lock, catalog): (&Path, &Path),
    ) -> Result<Verdict> {
        let Pinned { pins, left_out, renamed } = pinned;
        let (name, files, bytes) = (self.name.as_str(), pins.files.len(), pins.bytes().unwrap_or(0));
        if context.wants_json() {
            let max_bytes = max_size.0;
            let (commit, renamed) = (pins.commit.as_deref(), renamed.as_deref());
            context.json(&Document { name, files, bytes, max_bytes, commit, left_out, renamed, lock, catalog })?;
        } else {
            let noun = if files == 1 { "file" } else { "files" };
            let size = pins.bytes().map_or_else(|| "an unknown part".to_owned(), |bytes| ByteSize(bytes).to_string());
            context.out(&format!("added {name}: {files} {noun}, {size} of {max_size}"))?;
            context.out(&format!("  #[cached_model(\"{name}\")]"))?;
        }
        remark::tell(context, &self.name, pinned);
        if bytes > max_size.0 {
            let fewer = if matches!(declared.source, Source::Hub { .. }) { ", or take fewer files" } else { "" };
            context.say(&format!(
                "warning: {name} alone is larger than `max_size`: set it in [cache] to at least \"{bytes}\"{fewer}"
            ));
        }
        if let Source::Urls(urls) | Source::Archive { urls, .. } = &declared.source
            && urls.len() > 1
        {
            context.say("one address sent the bytes; what the others send is compared with them");
        }
        Ok(Verdict::Holds)
    }

    /// The block to write into a catalog in `folder`; or what is wrong with the arguments.
    fn block(&self, folder: &Path, provider: Option<ProviderKind>) -> Result<Block, String> {
        if let Some(repository) = self.sources.iter().find_map(|source| source.strip_prefix("hf:")) {
            return self.hub_block(repository, provider);
        }
        if let [source] = self.sources.as_slice()
            && let Some(builtin) = source.strip_prefix("builtin:")
        {
            return self.builtin_block(builtin, provider);
        }
        if !self.files.is_empty() && !self.unpack {
            return Err(
                "`--files` chooses files of a repository (`hf:owner/name`) or, with `--unpack`, of an archive".into()
            );
        }
        let provider = provider.or(self.hub_id.as_ref().map(|_| ProviderKind::Huggingface));
        if let Some(kind) = provider.filter(|kind| kind.needs_hub_id() && self.hub_id.is_none()) {
            return Err(format!(
                "provider `{kind}` needs `--hub-id owner/name`: the id under which the model is loaded"
            ));
        }
        let source = match self.sources.as_slice() {
            [path] if !path.contains("://") && self.unpack => {
                return Err(format!("`{path}` is no address: only what is downloaded is unpacked"));
            }
            [path] if !path.contains("://") => catalog_text::Source::Path(written(path, folder)?),
            urls => match urls.iter().find(|url| !url.contains("://")) {
                Some(path) => return Err(format!("`{path}` is no address: only one path can be given")),
                None if self.unpack => catalog_text::Source::Archive(urls.to_vec(), self.files.clone()),
                None => catalog_text::Source::Urls(urls.to_vec()),
            },
        };
        Ok(Block {
            source,
            provider: provider.map(ProviderKind::as_str),
            hub_id: self.hub_id.clone(),
            stand_in: self.stand_in,
        })
    }
}

impl Add {
    /// The block of a repository of the Hub.
    fn hub_block(&self, repository: &str, provider: Option<ProviderKind>) -> Result<Block, String> {
        if self.sources.len() > 1 {
            return Err("a repository is one source: mirrors of all models are set by `mirrors` in [cache]".into());
        }
        if self.unpack {
            return Err("only what is downloaded from an address is unpacked".into());
        }
        let (repo, revision) = match repository.split_once('@') {
            Some((repo, revision)) => (repo, Some(revision.to_owned())),
            None => (repository, None),
        };
        let source = catalog_text::Source::Hub(repo.to_owned(), revision, self.files.clone());
        Ok(Block {
            source,
            provider: provider.map(ProviderKind::as_str),
            hub_id: self.hub_id.clone(),
            stand_in: self.stand_in,
        })
    }

    /// The block of a built-in model.
    fn builtin_block(&self, builtin: &str, provider: Option<ProviderKind>) -> Result<Block, String> {
        if self.unpack || !self.files.is_empty() {
            return Err("a built-in model has one file, which is taken as it is".into());
        }
        let source = catalog_text::Source::Builtin(builtin.to_owned());
        Ok(Block {
            source,
            provider: provider.map(ProviderKind::as_str),
            hub_id: self.hub_id.clone(),
            stand_in: self.stand_in,
        })
    }
}

fn refuse(context: &Context, message: &str, hint: Option<&str>) -> Verdict {
    context.failure(message, hint);
    Verdict::Code(2)
}

fn refuse_known(context: &Context, name: &ModelName, catalog: &Path, line: usize) -> Verdict {
    let message = format!("`{name}` is already declared in `{}`, line {line}", catalog.display());
    let hint = format!("`cache-harness lock {name}` pins it anew, `cache-harness remove {name}` removes it");
    refuse(context, &message, Some(&hint))
}

/// `path`, given in the current folder, as it is written in a catalog in `folder`.
fn written(path: &str, folder: &Path) -> Result<String, String> {
    // What the catalog itself expands means the same everywhere.
    if path.starts_with(['/', '~']) || path.contains('$') {
        return Ok(path.to_owned());
    }
    let unknown = |error: std::io::Error| format!("`{path}` cannot be found: {error}");
    let absolute = std::path::absolute(path).map_err(unknown)?;
    let target = match (absolute.parent(), absolute.file_name()) {
        // A link in the last place is what was meant, and stays.
        (Some(parent), Some(name)) => parent.canonicalize().map_err(unknown)?.join(name),
        _ => absolute.canonicalize().map_err(unknown)?,
    };
    let folder = folder.canonicalize().map_err(unknown)?;
    let shared = target.components().zip(folder.components()).take_while(|(left, right)| left == right).count();
    let up = folder.components().skip(shared).map(|_| Component::ParentDir);
    let relative: PathBuf = up.chain(target.components().skip(shared)).collect();
    match relative.to_str() {
        Some("") => Ok(".".to_owned()),
        Some(text) => Ok(text.to_owned()),
        None => Err(format!("`{}` is not UTF-8, which TOML needs", relative.display())),
    }
}
