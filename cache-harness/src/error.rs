//! What can go wrong, and what helps.

mod credential;
mod hint;
mod nature;
mod refusal;
mod wording;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use self::credential::Credential;
#[cfg(feature = "cli")]
pub(crate) use self::hint::raise_max_size;
pub use self::refusal::HubRefusal;

use self::wording::{asks, by, bytes_of, coded, lack, list};
use crate::digest::Sha256Digest;

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a model could not be put in place.
///
/// [`hint`](Self::hint) says what to do about it, [`is_transient`](Self::is_transient) whether trying
/// again may help, [`report`](Self::report) everything as a person reads it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No `cache-harness.toml` in the folder or above it.
    #[error("no `cache-harness.toml` in `{}` or above it", start.display())]
    NoCatalog {
        /// Where the search began.
        start: PathBuf,
    },
    /// The name is not in the catalog.
    #[error("no model named `{name}` in `{}`", catalog.display())]
    UnknownModel {
        /// The name that was asked for.
        name: String,
        /// The catalog that was read.
        catalog: PathBuf,
        /// The nearest name that exists.
        suggestion: Option<String>,
    },
    /// The catalog declares the model, but nothing says which bytes it has.
    #[error("model `{name}` is declared but not pinned in `{}`", lock.display())]
    Unpinned {
        /// The model.
        name: String,
        /// The lock file that should hold the pins.
        lock: PathBuf,
    },
    /// The pins were made from another source than the catalog now declares.
    #[error("the pins of `{name}` in `{}` are of `{pinned}`, but the catalog declares `{declared}`", lock.display())]
    StalePins {
        /// The model.
        name: String,
        /// The lock file.
        lock: PathBuf,
        /// The source in the lock file.
        pinned: String,
        /// The source in the catalog.
        declared: String,
    },
    /// The digest of a built-in model comes from third parties, and nobody accepted that.
    #[error("the digest of the built-in model `{builtin}` is unconfirmed: its publisher does not state it")]
    Unconfirmed {
        /// The built-in model.
        builtin: String,
        /// The name it has in the catalog, if it is declared there.
        model: Option<String>,
    },
    /// What the source of a built-in model has is not what third parties said.
    #[error(
        "the built-in model `{builtin}` is refuted: `{file}` has sha256 {actual} or another size, but third parties said {expected}"
    )]
    Refuted {
        /// The built-in model.
        builtin: String,
        /// The file of the model.
        file: String,
        /// The digest in the built-in catalogue.
        expected: Sha256Digest,
        /// The digest that the source states.
        actual: Sha256Digest,
    },
    /// A catalog, lock file or user configuration does not say what it should.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// What was found and what was expected.
        message: String,
        /// The near miss or the remedy.
        hint: Option<String>,
    },
    /// A variable, flag or argument has a value that cannot be used.
    #[error("{name}: {message}")]
    Setting {
        /// The variable, flag or argument.
        name: String,
        /// What was found and what was expected.
        message: String,
    },
    /// Neither a setting nor the system says where files belong.
    #[error("cannot tell where {what} belongs: HOME is not set")]
    NoHome {
        /// What needs a place.
        what: &'static str,
        /// What to set instead.
        remedy: &'static str,
    },
    /// The bytes are not the bytes that were pinned.
    #[error("`{file}` from {origin} has sha256 {actual}, but {expected} is pinned")]
    DigestMismatch {
        /// The file of the model.
        file: String,
        /// The URL or path the bytes came from.
        origin: String,
        /// The pinned digest.
        expected: Sha256Digest,
        /// The digest of what came.
        actual: Sha256Digest,
    },
    /// There are more or fewer bytes than were pinned.
    #[error("`{file}` from {origin} has {actual} bytes, but {expected} are pinned")]
    SizeMismatch {
        /// The file of the model.
        file: String,
        /// The URL or path the bytes came from.
        origin: String,
        /// The pinned size in bytes.
        expected: u64,
        /// The size announced or received in bytes.
        actual: u64,
    },
    /// Other bytes than those of another source, which turned out to be the pinned ones.
    #[error("`{file}` from {origin} has other bytes than are pinned, from byte {at} on")]
    WrongBytes {
        /// The file of the model.
        file: String,
        /// The URL the bytes came from.
        origin: String,
        /// The first byte that is known to be wrong.
        at: u64,
    },
    /// The server answered, but not with the file.
    #[error("{url} answered {status}{}{}", coded(code.as_deref()), asks(*retry_after))]
    Status {
        /// The address asked.
        url: String,
        /// The HTTP status code.
        status: u16,
        /// `X-Error-Code`, by which the Hub says what it refuses and why.
        code: Option<String>,
        /// How long the server asks to wait.
        retry_after: Option<Duration>,
    },
    /// The Hub answered that this file is not there, or not for whoever asked.
    #[error("{url} answered {status}{}", coded(code.as_deref()))]
    Hub {
        /// The address asked.
        url: String,
        /// The HTTP status code: 401, 403, 404 or 410.
        status: u16,
        /// `X-Error-Code`: why, if the Hub says so.
        code: Option<String>,
        /// Whether a token was sent.
        token: Credential,
    },
    /// The Hub tells nothing about the repository.
    #[error("{}", refusal.text(repo, *token))]
    Repository {
        /// The repository, `owner/name`.
        repo: String,
        /// Why.
        refusal: HubRefusal,
        /// Whether a token was sent.
        token: Credential,
    },
    /// A mirror does not have the file.
    #[error("the mirror does not have {url}")]
    NotMirrored {
        /// The address asked.
        url: String,
    },
    /// The exchange with the server broke off.
    #[error("{url}: {message}")]
    Transport {
        /// The address asked.
        url: String,
        /// What broke.
        message: String,
    },
    /// The server's certificate does not show that it is who it says.
    #[error("{url} cannot be trusted: {message}")]
    Untrusted {
        /// The address asked.
        url: String,
        /// What is wrong with the certificate, or with the store of CAs.
        message: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The address is one that is never asked.
    #[error("{url} is refused: {reason}")]
    Refused {
        /// The address.
        url: String,
        /// Why.
        reason: String,
    },
    /// Every source of a file failed.
    #[error("no source of `{file}` of model `{model}` gave its bytes:{}", list(attempts))]
    SourcesFailed {
        /// The model.
        model: String,
        /// The file of the model.
        file: String,
        /// What each source failed with, in the order tried.
        attempts: Vec<Self>,
    },
    /// Another process or thread asked all sources while this one waited for it, and they failed.
    #[error("{message}")]
    SourcesJustFailed {
        /// What they failed with, as [`SourcesFailed`](Self::SourcesFailed) says it.
        message: String,
    },
    /// An archive is the one that was pinned, but its files cannot be taken out of it.
    #[error("`{archive}` is not unpacked: {reason}")]
    Archive {
        /// The name of the archive.
        archive: String,
        /// What is wrong with it or with its pins.
        reason: String,
        /// What helps, if something does.
        remedy: Option<&'static str>,
    },
    /// A stand-in does not declare the tensors and inputs of its model, or nothing tells whether it does.
    #[error("`{stand_in}` cannot stand in for `{model}`: {reason}")]
    StandIn {
        /// The model.
        model: String,
        /// The variant that is declared as its stand-in.
        stand_in: String,
        /// Why, with the differences.
        reason: String,
    },
    /// The model is not here, and the network may not be asked.
    #[error("model `{model}` cannot be had offline: {} (looked in `{}`)", lack(file, damage.as_deref()), looked.display())]
    Offline {
        /// The model.
        model: String,
        /// The folder that was searched.
        looked: PathBuf,
        /// The first file that is missing or damaged.
        file: String,
        /// The pinned and the actual digest, if the file is there but damaged.
        damage: Option<Box<(Sha256Digest, Sha256Digest)>>,
    },
    /// The model alone is larger than the cache may become.
    #[error("model `{model}` has {}, but the cache may hold {}", bytes_of(*bytes), bytes_of(*max_bytes))]
    OverBudget {
        /// The model.
        model: String,
        /// Its size in bytes.
        bytes: u64,
        /// `max_size` in bytes.
        max_bytes: u64,
    },
    /// Models in use leave no room, and `strict_budget` forbids to exceed `max_size`.
    #[error("no room for model `{model}` ({}): {} of {} are held by models in use", bytes_of(*bytes), bytes_of(*held), bytes_of(*max_bytes))]
    NoRoom {
        /// The model.
        model: String,
        /// Its size in bytes.
        bytes: u64,
        /// Bytes that cannot be evicted now.
        held: u64,
        /// `max_size` in bytes.
        max_bytes: u64,
    },
    /// The disk has too little room.
    #[error("`{}` has {} free, but {} are needed", path.display(), bytes_of(*available), bytes_of(*needed))]
    DiskFull {
        /// A path on the disk.
        path: PathBuf,
        /// Bytes needed, `min_free_disk` included.
        needed: u64,
        /// Bytes free.
        available: u64,
    },
    /// A file stands where a model's file belongs, and it is not ours.
    #[error("`{}` holds other content than `{file}` of model `{model}`, and cache-harness did not put it there", path.display())]
    Foreign {
        /// The model.
        model: String,
        /// The file of the model.
        file: String,
        /// Where it belongs.
        path: PathBuf,
    },
    /// A file of another model, which is in use, stands where a model's file belongs.
    #[error("`{}` is needed for model `{model}`, but holds a file of `{other}`, which is in use", path.display())]
    InUse {
        /// The model.
        model: String,
        /// The path that both need.
        path: PathBuf,
        /// The model in use; the same name if it is pinned differently elsewhere.
        other: String,
    },
    /// A consumer in this process would look for the model in another place than the one it is restored to.
    #[error(
        "provider `{provider}` has its files in `{}`, but its consumer in this process would look in `{}`",
        root.display(),
        looks.display()
    )]
    Elsewhere {
        /// The provider.
        provider: String,
        /// Where the files go.
        root: PathBuf,
        /// Where the consumer looks, with the variables of this process.
        looks: PathBuf,
        /// The variables that lead it to the files.
        variables: Vec<(String, PathBuf)>,
    },
    /// Somebody kept a lock, and what it protects did not move.
    #[error("timed out waiting for `{}`{}: nothing moved for {} s", lock.display(), by(holder.as_deref()), patience.as_secs())]
    Busy {
        /// The lock.
        lock: PathBuf,
        /// Who holds it, as far as known.
        holder: Option<String>,
        /// For how long nothing moved.
        patience: Duration,
    },
    /// The cache folder cannot be used.
    #[error("the cache folder `{}` cannot be used: {reason}", dir.display())]
    Unusable {
        /// The folder.
        dir: PathBuf,
        /// Why.
        reason: String,
    },
    /// A file operation failed; `action` completes "could not …".
    #[error("could not {action} `{}`: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Error {
    /// An error of the file system, for `map_err`.
    pub(crate) fn io(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Self {
        let path = path.as_ref().to_owned();
        move |source| Self::Io { action, path, source }
    }

    /// The message and the hint, as they are printed.
    #[must_use]
    pub fn report(&self) -> String {
        match self.hint() {
            Some(hint) => format!("{self}\nhint: {hint}"),
            None => self.to_string(),
        }
    }
}
