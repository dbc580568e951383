//! What a path holds: a body with its validator.

use std::io;
use std::sync::{Arc, OnceLock};

use super::body::Body;

#[derive(Clone)]
pub(super) struct Held {
    pub(super) body: Body,
    /// Bytes are hashed once and not for every part of them.
    digest: Arc<OnceLock<String>>,
}

impl Held {
    /// A strong validator: differs when the content does.
    pub(super) fn etag(&self) -> io::Result<String> {
        match &self.body {
            Body::Bytes(_) => {
                if let Some(etag) = self.digest.get() {
                    return Ok(etag.clone());
                }
                let etag = self.body.etag()?;
                Ok(self.digest.get_or_init(|| etag).clone())
            }
            // A file may change, and the other is cheap.
            Body::File(_) | Body::Generated { .. } => self.body.etag(),
        }
    }
}

impl From<Body> for Held {
    fn from(body: Body) -> Self {
        Self { body, digest: Arc::default() }
    }
}
