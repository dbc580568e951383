//! `search`: looks for a model in the built-in catalogue.

use serde::Serialize;

use super::{Context, Verdict};
use crate::builtin::{self, Builtin, Status};
use crate::digest::Sha256Digest;
use crate::error::Result;
use crate::units::ByteSize;

#[derive(Debug, clap::Args)]
pub(super) struct Search {
    /// What its name or description says; with several, all of them. Without any, every model
    #[arg(value_name = "WORD")]
    words: Vec<String>,
}

#[derive(Serialize)]
struct Document {
    models: Vec<Model>,
}

#[derive(Serialize)]
struct Model {
    name: &'static str,
    status: Status,
    description: &'static str,
    provider: &'static str,
    source: String,
    /// Where it is stated.
    bytes: Option<u64>,
    sha256: Option<Sha256Digest>,
    provenance: &'static str,
    seen: Option<u64>,
}

impl Search {
    pub(super) fn run(&self, context: &Context) -> Result<Verdict> {
        let models = builtin::all()?.values().map(Model::of).filter(|model| self.matches(model));
        let document = Document { models: models.collect() };
        if context.wants_json() {
            context.json(&document)?;
        } else {
            document.models.iter().try_for_each(|model| context.out(&model.line()))?;
        }
        let Some(first) = document.models.first() else {
            context.failure("no built-in model has all of these words", Some("`cache-harness search` lists them all"));
            return Ok(Verdict::Fails);
        };
        let name = first.name;
        context.say(&match first.status {
            Status::Primary => format!("to use it, write `#[cached_model(\"{name}\")]` above a test"),
            Status::Unconfirmed => {
                format!("to use it, run `cache-harness add NAME builtin:{name} --accept-unconfirmed`")
            }
        });
        Ok(Verdict::Holds)
    }

    fn matches(&self, model: &Model) -> bool {
        let text = format!("{} {} {}", model.name, model.description, model.status.as_str()).to_lowercase();
        self.words.iter().all(|word| text.contains(&word.to_lowercase()))
    }
}

impl Model {
    fn of(builtin: &'static Builtin) -> Self {
        let declared = &builtin.declared;
        let (bytes, sha256) = builtin.expected.unzip();
        Self {
            name: declared.name.as_str(),
            status: builtin.status,
            description: declared.description.as_deref().unwrap_or_default(),
            provider: declared.provider.as_str(),
            source: declared.source.describe(),
            bytes,
            sha256: sha256.or(declared.sha256),
            provenance: &builtin.provenance,
            seen: builtin.seen,
        }
    }

    fn line(&self) -> String {
        let size = self.bytes.map_or_else(|| "-".to_owned(), |bytes| ByteSize(bytes).to_string());
        format!("{:32} {:11} {size:>8}  {}", self.name, self.status.as_str(), self.description)
    }
}
