//! What can be read of the settings where not all of it can: for `doctor`, which goes on where others stop.

use std::path::{Path, PathBuf};

use super::layer::Layer;
use super::{Config, Overrides, project_file, user_file};
use crate::catalog::Catalog;
use crate::config::Token;
use crate::document::{self, Document};
use crate::environment::{Environment, HF_HUB_DISABLE_IMPLICIT_TOKEN};
use crate::error::{Error, Result};

/// What could be read, and why the rest could not.
#[derive(Debug)]
pub(crate) struct Salvaged {
    /// None if nothing says where the cache belongs.
    pub(crate) config: Option<Config>,
    /// Empty, and without a path, where it cannot be read.
    pub(crate) catalog: Catalog,
    /// The user's own file, if there is one.
    pub(crate) user: Option<PathBuf>,
    /// The project's file, if there is one, readable or not.
    pub(crate) project: Option<PathBuf>,
    /// The variables without those that cannot be used.
    pub(crate) environment: Environment,
    /// One for each place that is passed over.
    pub(crate) errors: Vec<Error>,
}

impl Config {
    /// As [`discover`](Self::discover), but passes over each file and each variable that it cannot use.
    pub(crate) fn salvage(start: &Path, environment: &Environment, overrides: &Overrides) -> Salvaged {
        let mut errors = Vec::new();
        let (layer, environment) = variables(environment.clone(), &mut errors);
        let start = std::path::absolute(start).unwrap_or_else(|_| start.to_owned());
        let user = keep(user_file(&environment), &mut errors).flatten();
        let settings = |path: &Path, text: &str| {
            let document = Document::parse(path, text)?;
            let mut root = document.root();
            Layer::from_file(&mut root, &environment).and_then(|layer| root.finish().map(|()| layer))
        };
        let weakest = user.as_ref().and_then(|(path, text)| keep(settings(path, text), &mut errors));
        let project = keep(project_file(&start, &environment, overrides), &mut errors).flatten();
        let (own, catalog) = match &project {
            Some(path) => keep(read(path, &environment, &mut errors), &mut errors).unwrap_or_default(),
            None => (None, None),
        };
        let (own, catalog) = (own.unwrap_or_default(), catalog.unwrap_or_else(|| Catalog::empty(&start)));
        let layer = layer.over(own.over(weakest.unwrap_or_default()));
        let layer = Layer::from_flags(overrides).over(layer);
        let config = keep(Self::from_layer(layer, project.clone(), &environment), &mut errors);
        if let Some(config) = &config {
            keep(catalog.check_variants(&config.variants), &mut errors);
        }
        Salvaged { config, catalog, user: user.map(|(path, _)| path), project, environment, errors }
    }
}

/// What a project's file says: sound settings count, whatever its models are, and the other way round.
fn read(path: &Path, environment: &Environment, errors: &mut Vec<Error>) -> Result<(Option<Layer>, Option<Catalog>)> {
    let missing = || Error::NoCatalog { start: path.parent().unwrap_or(path).to_owned() };
    let text = document::read(path)?.ok_or_else(missing)?;
    let document = Document::parse(path, &text)?;
    let mut root = document.root();
    let layer = keep(Layer::from_file(&mut root, environment), errors);
    let providers = layer.as_ref().map(|layer| layer.providers.clone()).unwrap_or_default();
    let catalog = keep(Catalog::read(&mut root, &providers, environment), errors);
    if layer.is_some() && catalog.is_some() {
        // Where something failed, not every key was looked for.
        keep(root.finish(), errors);
    }
    Ok((layer, catalog))
}

/// The variables' layer, and the variables without those that made it fail.
fn variables(mut environment: Environment, errors: &mut Vec<Error>) -> (Layer, Environment) {
    loop {
        match Layer::from_environment(&environment) {
            Err(Error::Setting { name, message }) if environment.get(&name).is_some() => {
                environment = environment.with(&name, "");
                errors.push(Error::Setting { name, message });
            }
            layer => {
                let layer = keep(layer, errors).unwrap_or_default();
                if keep(Token::find(&environment), errors).is_none() {
                    environment = environment.with(HF_HUB_DISABLE_IMPLICIT_TOKEN, "1");
                }
                return (layer, environment);
            }
        }
    }
}

fn keep<T>(result: Result<T>, errors: &mut Vec<Error>) -> Option<T> {
    result.map_err(|error| errors.push(error)).ok()
}
