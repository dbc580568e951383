//! What a plan comes to, in the words of `doctor`.

use super::{State, Unpinned, document};
use crate::cache::Cache;
use crate::catalog::Source;
use crate::error::Result;
use crate::units::ByteSize;

/// What a plan comes to, for `doctor`; models without pins are left out.
pub(in crate::cli) struct Outlook {
    /// What is not here, or not all of it, and has its bytes elsewhere than in the project.
    pub(in crate::cli) cold: Vec<String>,
    /// The known bytes to be fetched.
    pub(in crate::cli) fetch_bytes: u64,
    /// What does not fit, a sentence each.
    pub(in crate::cli) misfits: Vec<String>,
    pub(in crate::cli) remedy: String,
}

pub(in crate::cli) fn outlook(cache: &Cache) -> Result<Outlook> {
    let document = document(cache, Unpinned::LeftOut)?;
    let is_remote =
        |name: &str| cache.inner.catalog.get(name).is_ok_and(|declared| !matches!(declared.source, Source::Path(..)));
    let cold = document.models.iter().filter(|model| model.state != State::Present && is_remote(&model.name));
    let models = document.models.iter().filter(|model| !model.fits);
    let models = models.map(|model| format!("`{}` has {}: {}", model.name, ByteSize(model.sum.bytes), model.fit.why()));
    let tests = document.tests.iter().filter(|test| !test.fits && test.models.len() > 1);
    let tests = tests.map(|test| {
        let (models, bytes) = (test.models.join(", "), ByteSize(test.sum.bytes));
        format!("the test `{}` needs {models} at once, {bytes}: {}", test.test, test.fit.why())
    });
    Ok(Outlook {
        cold: cold.map(|model| model.name.clone()).collect(),
        fetch_bytes: document.all.fetch_bytes,
        misfits: models.chain(tests).collect(),
        remedy: document.remedy(),
    })
}
