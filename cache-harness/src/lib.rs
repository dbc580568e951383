//! Verified ML models for tests.
mod digest;
mod error;
mod event;
mod model;
mod report;
mod run;
mod time;
mod units;
pub use digest::{ParseDigestError, Sha256Digest};
pub use error::{Error, Result};
pub use event::{Evict, Outcome, Request, Via};
pub use model::{FilePath, InvalidName, ModelName};
pub use report::{ModelUse, Report};
pub use units::ByteSize;
