//! A model as a server has it, a catalog declares it and a lock file pins it.

use std::fmt::Write as _;

use cache_harness::testkit::{Body, Server};

use crate::project::Project;

/// The commit of every model here.
pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A model of the Hub, `owner/NAME`.
pub(crate) struct Pinned {
    pub(crate) name: String,
    pub(crate) files: Vec<(String, Body)>,
}

impl Pinned {
    /// A model with these files.
    pub(crate) fn new(name: &str, files: &[(&str, Body)]) -> Self {
        let files = files.iter().map(|(path, body)| ((*path).to_owned(), body.clone())).collect();
        Self { name: name.to_owned(), files }
    }

    /// Generated weights of so many bytes; `seed` tells models apart.
    pub(crate) fn weights(name: &str, seed: u64, size: u64) -> Self {
        Self::new(name, &[("model.safetensors", Body::Generated { seed, size })])
    }

    /// Where the server has this file.
    pub(crate) fn address(&self, file: &str) -> String {
        format!("/owner/{}/resolve/{COMMIT}/{file}", self.name)
    }

    /// Puts all files where a Hub has them.
    pub(crate) fn serve(&self, server: &Server) {
        for (file, body) in &self.files {
            server.put(&self.address(file), body.clone());
        }
    }

    /// The model's block in `cache-harness.toml`.
    pub(crate) fn catalog(&self) -> String {
        format!("[models.{0}]\nhub = \"owner/{0}\"\n", self.name)
    }

    /// The same, restored for this consumer.
    pub(crate) fn catalog_for(&self, provider: &str) -> String {
        format!("{}provider = \"{provider}\"\n", self.catalog())
    }

    /// The model's block in `cache-harness.lock`.
    pub(crate) fn lock(&self) -> String {
        let mut text =
            format!("[models.{0}]\nsource = \"hub:owner/{0}@main\"\ncommit = \"{COMMIT}\"\nfiles = [\n", self.name);
        for (path, body) in &self.files {
            let (size, digest) = (body.size().unwrap(), body.digest().unwrap());
            writeln!(text, "{{ path = \"{path}\", size = {size}, sha256 = \"{digest}\", etag = \"{digest}\" }},")
                .unwrap();
        }
        text + "]\n"
    }

    /// The digest of the file at this place in the list.
    pub(crate) fn digest(&self, index: usize) -> String {
        self.files[index].1.digest().unwrap().to_string()
    }

    /// The size of all files in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().map(|(_, body)| body.size().unwrap()).sum()
    }
}

/// A project with these models, pinned, and with the server as its Hub. `settings` are the first lines of its
/// catalog.
pub(crate) fn project(settings: &str, models: &[&Pinned], server: &Server) -> Project {
    let catalog: String = models.iter().map(|model| model.catalog()).collect();
    let mut project = Project::new(&format!("{settings}\n{catalog}"));
    project.lock(&models.iter().map(|model| model.lock()).collect::<String>());
    project.set("HF_ENDPOINT", server.url());
    for model in models {
        model.serve(server);
    }
    project
}
