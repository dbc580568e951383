//! What helps, error by error.

use std::io::ErrorKind;
use std::path::PathBuf;

use super::Error;

impl Error {
    /// What to do about it, if there is something.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoCatalog { .. } => {
                "`cache-harness add NAME SOURCE` writes one; CACHE_HARNESS_CONFIG names another".into()
            }
            Self::UnknownModel { suggestion: Some(near), .. } => format!("did you mean `{near}`?"),
            Self::UnknownModel { name, .. } => format!("`cache-harness add {name} SOURCE` declares and pins it"),
            Self::Unpinned { name, .. } | Self::StalePins { name, .. } => {
                format!("run `cache-harness lock {name}` and commit the lock file")
            }
            Self::Unconfirmed { builtin, model } => {
                let command = match model {
                    Some(model) => format!("lock {model}"),
                    None => format!("add NAME builtin:{builtin}"),
                };
                format!("`cache-harness {command} --accept-unconfirmed` asks its source, which confirms or refutes it")
            }
            Self::Refuted { .. } => {
                "declare the file by its own `hub` or `urls` if you trust what its source has now, and report this entry"
                    .into()
            }
            Self::StandIn { model, stand_in, .. } => format!(
                "nothing of the two was pinned: make the stand-in anew from the model, or take `stand_in` out of the catalog; \
                 then `cache-harness lock {model} {stand_in}`"
            ),
            Self::Malformed { hint, .. } => return hint.clone(),
            Self::NoHome { remedy, .. } | Self::Untrusted { remedy, .. } => (*remedy).into(),
            Self::Archive { remedy, .. } => return remedy.map(Into::into),
            Self::DigestMismatch { .. } | Self::SizeMismatch { .. } => {
                "if the file was meant to change, run `cache-harness lock` and review the new pin".into()
            }
            Self::Repository { refusal, token, .. } => return refusal.hint(*token).map(Into::into),
            Self::Hub { status, code, token, .. } => token.hint(*status, code.as_deref()).into(),
            Self::Status { status: 401 | 403, .. } => {
                "no token is sent to this host: use an address that needs none".into()
            }
            Self::Status { status: 404 | 410, .. } => "the file may be gone upstream: check the address".into(),
            Self::SourcesFailed { attempts, .. } => return attempts.iter().rev().find_map(Self::hint),
            Self::Offline { model, .. } => format!("run `cache-harness warm {model}` where there is a network"),
            Self::OverBudget { bytes, .. } => {
                format!("set `max_size` in [cache] to at least \"{bytes}\", or CACHE_HARNESS_MAX_SIZE={bytes}")
            }
            Self::NoRoom { .. } => "raise `max_size`, run fewer tests at once, or drop `strict_budget`".into(),
            Self::DiskFull { .. } => "`cache-harness prune` frees what is unused; or set `dir` to another disk".into(),
            Self::Foreign { .. } => {
                "move the file away, or set the provider's `root` in cache-harness.toml to a folder of its own".into()
            }
            Self::InUse { .. } => {
                "give each project its own `root` for the provider in cache-harness.toml, or run them in turn".into()
            }
            Self::Elsewhere { provider, variables, .. } => elsewhere(provider, variables),
            Self::Busy { .. } => "the holder may be stopped or hung: end it, and the lock is free at once".into(),
            Self::Unusable { .. } => {
                "set `dir` in [cache] or CACHE_HARNESS_DIR to a writable folder on a local disk".into()
            }
            Self::Io { source, path, .. } if source.kind() == ErrorKind::StorageFull => {
                format!("free space on the disk of `{}`: `cache-harness prune` removes what is unused", path.display())
            }
            Self::SourcesJustFailed { .. }
            | Self::Setting { .. }
            | Self::Status { .. }
            | Self::WrongBytes { .. }
            | Self::NotMirrored { .. }
            | Self::Transport { .. }
            | Self::Refused { .. }
            | Self::Io { .. } => {
                return None;
            }
        })
    }
}

fn elsewhere(provider: &str, variables: &[(String, PathBuf)]) -> String {
    let waive = format!("where tests pass `model.path()` on, `check_environment = false` in [providers.{provider}]");
    let lines: Vec<_> =
        variables.iter().map(|(name, value)| format!("\n  {name} = {:?}", value.display().to_string())).collect();
    if lines.is_empty() {
        return format!("no variable leads it there: leave `root` out; or, {waive}");
    }
    format!(
        "{waive}; else run the tests by `cache-harness run`, or set in [env] of .cargo/config.toml, as `cache-harness init --env cargo` does:{}",
        lines.concat()
    )
}
