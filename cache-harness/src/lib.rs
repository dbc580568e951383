//! Verified ML models for tests.
mod digest;
mod error;
mod model;
#[cfg(feature = "testkit")]
pub mod testkit;
mod time;
mod units;
pub use digest::{ParseDigestError, Sha256Digest};
pub use error::{Error, Result};
pub use model::{FilePath, InvalidName, ModelName};
pub use units::ByteSize;
