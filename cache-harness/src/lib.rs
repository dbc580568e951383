//! Verified ML models for tests, from one shared cache.
//!
//! A test says what it needs; before its body runs, the model is on disk where its consumer looks, every byte
//! checked against a pinned SHA-256, and protected from eviction until the test lets go. The first run downloads
//! once, however many threads and processes ask; later runs open no socket.
//!
//! ```text
//! use cache_harness::{CachedModel, cached_model};
//!
//! #[cached_model("whisper-tiny")]
//! #[test]
//! fn knows_its_vocabulary(model: CachedModel) -> Result<(), Box<dyn std::error::Error>> {
//!     let config = std::fs::read_to_string(model.path().join("config.json"))?;
//!     assert!(config.contains("vocab_size"));
//!     Ok(())
//! }
//! ```
//!
//! # The nouns
//! - The *catalog* `cache-harness.toml` declares models; the *lock file* beside it holds their *pins*: for each file
//!   size and digest. Both are checked when the test is compiled.
//! - The *store* holds *blobs* named by their digest, and an *entry* for each pinned model. A *lease* keeps an entry
//!   from eviction while a process uses it.
//! - A *provider* is a consumer's layout: [`ProviderKind`]. To *restore* a model is to link its blobs into it.
//! - A *run* is one test session; its *report* ([`Report`]) says what the cache was worth.
//!
//! # Outside of tests
//! [`Cache`] does the same for programs, and the binary `cache-harness` (feature `cli`) for shells.
//!
//! # Layers
//! Imports go down only: `units digest time environment` ← `error` ← `fs lock unpack` ← `config catalog pins
//! event store` ← `fetch provider` ← `restore` ← `proof fill archive bypass cache` ← `report` ← `warm` ← `harness` ← `cli`.
//! The store knows nothing of HTTP; of the store, fetching knows only a partial; the report knows only events.
//!
//! # Features
//! | feature | brings |
//! |---|---|
//! | (default) | the macro, the cache, HTTPS by rustls and ring |
//! | `archives` | models that are unpacked from `.tar`, `.zip`, `.gz`, `.zst`, `.xz` and `.bz2` |
//! | `cli` | the binary `cache-harness` |
//! | `testkit` | [`testkit`](crate#features): a loopback server that limits, logs and fails on request |
//! | `tokio-process` | [`ModelEnvs`] for `tokio::process::Command` |
//! | `portable-digest` | SHA-256 by the `sha2` crate, for targets that ring does not reach; slow without optimisation |

#![cfg_attr(
    not(feature = "cli"),
    expect(dead_code, unused_imports, reason = "commands read logs and evict by name; a test does not")
)]

mod address;
mod archive;
mod ask;
mod blob_id;
mod builtin;
mod bypass;
mod cache;
mod cached_model;
mod catalog;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
mod command;
mod config;
#[cfg(test)]
mod corpus;
mod digest;
mod document;
mod environment;
mod error;
mod event;
mod fetch;
mod fill;
mod fs;
mod harness;
#[cfg(feature = "cli")]
mod hub;
mod lock;
mod model;
mod notice;
mod pattern;
#[cfg(feature = "cli")]
mod pinning;
mod pins;
mod prepared;
mod private;
mod progress;
mod proof;
mod provider;
mod provider_kind;
mod report;
mod restore;
mod room;
mod run;
#[cfg(any(feature = "cli", fuzzing))]
mod signature;
mod store;
mod suggestion;
#[cfg(feature = "testkit")]
pub mod testkit;
mod time;
mod units;
mod unpack;
#[cfg(feature = "cli")]
mod warm;
/// What `tests/fuzz` calls with bytes of its own.
#[cfg(any(fuzzing, test))]
#[doc(hidden)]
pub mod fuzzing {
    pub use crate::fetch::fuzzing::{fields, pace, record};
    #[cfg(any(feature = "cli", fuzzing))]
    pub use crate::signature::fuzzing::headers;
    #[cfg(feature = "archives")]
    pub use crate::unpack::fuzzing::{archive, names};
}

/// What the expansion of `#[cached_model]` names; not for direct use.
#[doc(hidden)]
pub mod __private {
    pub use crate::harness::{OnMissing, Options, Request, Restore, SkipValue, prepare, skipped};
}

pub use cache::Cache;
pub use cache_harness_macros::cached_model;
pub use cached_model::{CachedFile, CachedModel};
pub use command::ModelEnvs;
pub use config::{
    ApplicationCache, Config, Mirror, Origin, Remote, RemoteMode, Setting, Token, Variants, Verify, WhenUnusable,
};
pub use digest::{ParseDigestError, Sha256Digest};
pub use error::{Credential, Error, HubRefusal, Result};
pub use event::{Evict, Outcome, Request, Via};
pub use fs::LinkMode;
pub use model::{FilePath, InvalidName, ModelName};
pub use progress::{Progress, Step};
pub use provider_kind::ProviderKind;
pub use report::{ModelUse, Report};
pub use units::ByteSize;
