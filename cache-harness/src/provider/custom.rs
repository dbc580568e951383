//! A layout that the catalog describes, for consumers that are not known here.
//!
//! ```toml
//! [providers.mine]
//! root = "out/models"
//! layout = "{root}/{name}/{path}"
//! env = { MY_HOME = "{root}" }
//! ```
//! What each placeholder stands for: [`Template`](crate::config::Template).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Layout, Root, Subject};
use crate::config::Template;
use crate::error::Result;
use crate::model::FilePath;

pub(super) fn layout(root: &Path, subject: Subject<'_>, template: &Template) -> Result<Layout> {
    let mut places = Vec::new();
    let mut taken = BTreeMap::new();
    for file in &subject.pins.files {
        let text = template.path(subject.name, subject.hub_id, subject.pins.commit.as_deref(), file)?;
        let place: FilePath = text.parse().map_err(|error| template.wrong(&format!("`{}`: {error}", file.path)))?;
        if let Some(other) = taken.insert(place.clone(), &file.path) {
            let message = format!("`{other}` and `{}` of `{}` would both be `{place}`", file.path, subject.name);
            return Err(template.wrong(&message));
        }
        places.push(place);
    }
    for place in &places {
        let mut folders = Path::new(place.as_str()).ancestors().skip(1).filter_map(Path::to_str);
        if let Some(other) = folders.find_map(|folder| taken.get(&folder.parse::<FilePath>().ok()?)) {
            return Err(template.wrong(&format!("`{place}` would need a folder where `{other}` is a file")));
        }
    }
    let mut places = places.iter().map(|place| place.as_str().to_owned());
    let mut layout = Layout::named(root.to_owned(), subject, |_| places.next().unwrap_or_default());
    layout.folder = common_folder(root, &layout.files);
    Ok(layout)
}

/// The deepest folder that holds all of these files.
fn common_folder(root: &Path, files: &[(FilePath, PathBuf)]) -> PathBuf {
    let first = files.first().and_then(|(_, path)| path.parent()).unwrap_or(root);
    let holds_all = |folder: &&Path| files.iter().all(|(_, path)| path.starts_with(folder));
    first.ancestors().find(holds_all).unwrap_or(root).to_owned()
}

pub(super) fn root(root: &Path, template: &Template) -> Root {
    let variables = template.variables.iter().map(|(name, value)| (*name, value.with_root(root)));
    Root { path: root.to_owned(), variables: variables.collect() }
}
