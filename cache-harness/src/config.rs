//! The effective settings, each with where it comes from.
//!
//! Weakest first: built-in defaults, the user's own `config.toml`, the project's `cache-harness.toml`,
//! variables, flags. Each of these but the defaults is a [`Layer`]; they are laid over each other, and
//! what no layer says is filled in last, so a default that cannot be told (no `HOME`) matters only if
//! it is needed.

mod layer;
mod mirror;
mod provider;
#[cfg(feature = "cli")]
mod salvage;
mod setting;
mod template;
mod token;
mod variants;

use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use self::mirror::Mirror;
pub use self::setting::{ApplicationCache, Origin, Remote, RemoteMode, Setting, Verify, WhenUnusable};
pub use self::token::Token;
pub use self::variants::Variants;

pub(crate) use self::mirror::Named;
pub(crate) use self::provider::{EnvironmentCheck, Providers, read_links};
pub(crate) use self::template::Template;

#[cfg(feature = "cli")]
pub(crate) use self::salvage::Salvaged;

use self::layer::Layer;
use crate::catalog::Catalog;
use crate::document::{self, Document};
use crate::environment::{self, Environment};
use crate::error::{Error, Result};
use crate::provider_kind::ProviderKind;
use crate::units::ByteSize;

/// The file that a project's settings and models stand in.
const PROJECT_FILE: &str = "cache-harness.toml";

/// Enough to fill a line to a server that limits each connection, and few enough not to be one it blocks.
const CONNECTIONS: NonZeroUsize = NonZeroUsize::new(8).unwrap();

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The effective settings.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// The `cache-harness.toml` that was found, absolute.
    pub project: Option<PathBuf>,
    /// The cache's folder, absolute. Default: `cache-harness` in the user's folder for caches.
    pub dir: Setting<PathBuf>,
    /// Where events and the warm-up's memory are kept, absolute: they cannot be fetched again.
    pub state_dir: PathBuf,
    /// Bytes the cache may hold. Default 2 GB.
    pub max_size: Setting<ByteSize>,
    /// How long a model may stay unused; [`Duration::MAX`] is never. Default 7 days.
    pub max_age: Setting<Duration>,
    /// How old a memo may be until a hit hashes again; [`Duration::MAX`] is never. Default 30 days.
    pub rehash_after: Setting<Duration>,
    /// How a hit is checked. Default [`Verify::Memo`].
    pub verify: Setting<Verify>,
    /// Whether the network is left alone. Default false.
    pub offline: Setting<bool>,
    /// Bytes of the disk that a download leaves free. Default 1 GB.
    pub min_free_disk: Setting<ByteSize>,
    /// Whether to fail rather than to exceed `max_size` by models in use. Default false.
    pub strict_budget: Setting<bool>,
    /// What to do when the folder cannot be used. Default [`WhenUnusable::Bypass`].
    pub when_unusable: Setting<WhenUnusable>,
    /// The roots that are configured, absolute; the other providers look where their consumer does.
    pub provider_roots: BTreeMap<ProviderKind, Setting<PathBuf>>,
    /// What else is configured for providers.
    pub(crate) providers: Providers,
    /// Other caches of the project, by name.
    pub application_caches: BTreeMap<String, ApplicationCache>,
    /// The team's shared cache.
    pub remote: Option<Remote>,
    /// The Hub's address without a trailing `/`. Default `https://huggingface.co`.
    pub endpoint: Setting<String>,
    /// What the Hub is shown for gated and private repositories.
    pub token: Option<Token>,
    /// How long to wait while no byte moves. Default 60 seconds.
    pub patience: Setting<Duration>,
    /// Mirrors asked before a file's own addresses, in order. Default none.
    pub mirrors: Setting<Vec<Mirror>>,
    /// The most connections to one host, of all processes together, from 1 to 64. Default 8.
    pub connections: Setting<NonZeroUsize>,
    /// Which variants of models to take. Default none: the models themselves, and on CI those with `on = "ci"`.
    pub variants: Setting<Variants>,
    /// Whether this is continuous integration: the variable `CI` is set, and not to `0`, `off`, `no` or `false`.
    pub ci: bool,
}

/// What the command line says.
#[derive(Debug, Clone, Default)]
pub(crate) struct Overrides {
    /// `--config FILE`.
    pub(crate) config: Option<PathBuf>,
    /// `--offline`.
    pub(crate) offline: Option<bool>,
    /// `--variant WORD`.
    pub(crate) variants: Option<Variants>,
}

impl Config {
    /// The settings and the catalog that hold in the folder `start`.
    ///
    /// That no project file is found is not an error: the catalog is then empty.
    pub(crate) fn discover(start: &Path, environment: &Environment, overrides: &Overrides) -> Result<(Self, Catalog)> {
        let start = std::path::absolute(start).map_err(Error::io("find", start))?;
        let mut layer = Layer::default();
        if let Some((path, text)) = user_file(environment)? {
            let document = Document::parse(&path, &text)?;
            let mut root = document.root();
            layer = Layer::from_file(&mut root, environment)?;
            root.finish()?;
        }
        let project = project_file(&start, environment, overrides)?;
        let catalog = match &project {
            Some(path) => {
                let text = document::read(path)?.ok_or_else(|| Error::NoCatalog { start: start.clone() })?;
                let document = Document::parse(path, &text)?;
                let mut root = document.root();
                layer = Layer::from_file(&mut root, environment)?.over(layer);
                let catalog = Catalog::read(&mut root, &layer.providers, environment)?;
                root.finish()?;
                catalog
            }
            None => Catalog::empty(&start),
        };
        layer = Layer::from_environment(environment)?.over(layer);
        layer = Layer::from_flags(overrides).over(layer);
        let config = Self::from_layer(layer, project, environment)?;
        catalog.check_variants(&config.variants)?;
        Ok((config, catalog))
    }

    fn from_layer(layer: Layer, project: Option<PathBuf>, environment: &Environment) -> Result<Self> {
        let dir = match layer.dir {
            Some(dir) => dir,
            None => Setting::from_default(default_dir(environment)?),
        };
        let state_dir = environment
            .base_directory(environment::XDG_STATE_HOME, ".local/state")
            .map_or_else(|| dir.value.join("state"), |state| state.join("cache-harness"));
        Ok(Self {
            project,
            dir,
            state_dir,
            max_size: layer.max_size.unwrap_or(Setting::from_default(ByteSize(2_000_000_000))),
            max_age: layer.max_age.unwrap_or(Setting::from_default(7 * DAY)),
            rehash_after: layer.rehash_after.unwrap_or(Setting::from_default(30 * DAY)),
            verify: layer.verify.unwrap_or_default(),
            offline: layer.offline.unwrap_or_default(),
            min_free_disk: layer.min_free_disk.unwrap_or(Setting::from_default(ByteSize(1_000_000_000))),
            strict_budget: layer.strict_budget.unwrap_or_default(),
            when_unusable: layer.when_unusable.unwrap_or_default(),
            provider_roots: layer.provider_roots,
            providers: layer.providers,
            application_caches: layer.application_caches,
            remote: layer.remote_url.map(|url| Remote { url, mode: layer.remote_mode.unwrap_or_default() }),
            endpoint: layer.endpoint.unwrap_or_else(|| Setting::from_default("https://huggingface.co".into())),
            token: Token::find(environment)?,
            patience: layer.patience.unwrap_or(Setting::from_default(Duration::from_secs(60))),
            mirrors: layer.mirrors.unwrap_or_default(),
            connections: layer.connections.unwrap_or(Setting::from_default(CONNECTIONS)),
            variants: layer.variants.unwrap_or_default(),
            ci: environment
                .get(environment::CI)
                .is_some_and(|value| value.to_str().map(environment::parse_switch) != Some(Ok(false))),
        })
    }
}

fn default_dir(environment: &Environment) -> Result<PathBuf> {
    let below_home = if cfg!(target_os = "macos") { "Library/Caches" } else { ".cache" };
    let caches = environment.base_directory(environment::XDG_CACHE_HOME, below_home);
    caches
        .map(|caches| caches.join("cache-harness"))
        .ok_or(Error::NoHome { what: "the cache", remedy: "set `dir` in [cache] or CACHE_HARNESS_DIR" })
}

/// The user's own file and its text, if there is one.
fn user_file(environment: &Environment) -> Result<Option<(PathBuf, String)>> {
    let Some(folder) = environment.base_directory(environment::XDG_CONFIG_HOME, ".config") else { return Ok(None) };
    let path = folder.join("cache-harness").join("config.toml");
    match document::read(&path) {
        Ok(text) => Ok(text.map(|text| (path, text))),
        // A process that runs as another user often keeps a HOME that it may not enter; git passes over it too.
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::PermissionDenied => Ok(None),
        Err(error) => Err(error),
    }
}

fn project_file(start: &Path, environment: &Environment, overrides: &Overrides) -> Result<Option<PathBuf>> {
    let named = match &overrides.config {
        Some(path) => Some(("--config", std::path::absolute(path).map_err(Error::io("find", path))?)),
        None => layer::path_variable(environment::CONFIG, environment)?.map(|path| (environment::CONFIG, path)),
    };
    let Some((name, path)) = named else {
        // Not `exists`: a link that leads nowhere is told, rather than passed over for a file further up.
        let candidates = start.ancestors().map(|folder| folder.join(PROJECT_FILE));
        return Ok(candidates.into_iter().find(|path| path.symlink_metadata().is_ok()));
    };
    if path.symlink_metadata().is_err() {
        return Err(Error::Setting { name: name.into(), message: format!("`{}` does not exist", path.display()) });
    }
    Ok(Some(path))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "tests write the files they read")]

    use super::*;

    /// A home with a user's file, and a project below it with a file.
    fn discover(
        user: &str,
        project: &str,
        variables: &[(&str, &str)],
        offline: Option<bool>,
    ) -> Result<Config, String> {
        let home = tempfile::tempdir().unwrap();
        let below = home.path().join("project/crate/src");
        std::fs::create_dir_all(&below).unwrap();
        std::fs::create_dir_all(home.path().join(".config/cache-harness")).unwrap();
        std::fs::write(home.path().join(".config/cache-harness/config.toml"), user).unwrap();
        std::fs::write(home.path().join("project/cache-harness.toml"), project).unwrap();
        let home_text = home.path().to_str().unwrap();
        let environment = variables.iter().copied().chain([("HOME", home_text)]).collect();
        let found = Config::discover(&below, &environment, &Overrides { offline, ..Overrides::default() });
        found.map(|(config, _)| config).map_err(|error| error.report().replace(home_text, "~"))
    }

    #[test]
    fn a_stronger_layer_wins_and_each_setting_tells_its_origin() {
        let user =
            "[cache]\nmax_size = '1GB'\nmax_age = '1d'\npatience = '5s'\n[providers.torch-hub]\nroot = '~/torch'";
        let project =
            "[cache]\nmax_size = '3GB'\nmax_age = '2d'\ndir = 'here'\n[providers.huggingface]\nroot = '$HUB/x'";
        let variables = [("CACHE_HARNESS_MAX_AGE", "never"), ("HUB", "/hub")];
        let config = discover(user, project, &variables, Some(true)).unwrap();
        assert_eq!(config.max_size.value, ByteSize(3_000_000_000));
        assert!(config.max_size.origin.to_string().ends_with("project/cache-harness.toml:2"));
        assert_eq!(config.max_age, Setting { value: Duration::MAX, origin: Origin::Variable("CACHE_HARNESS_MAX_AGE") });
        assert_eq!(config.patience.value, Duration::from_secs(5));
        assert_eq!(config.offline, Setting { value: true, origin: Origin::Flag("--offline") });
        assert_eq!(config.min_free_disk, Setting::from_default(ByteSize(1_000_000_000)));
        assert!(config.dir.value.ends_with("project/here"));
        assert!(config.state_dir.ends_with(".local/state/cache-harness"));
        assert_eq!(config.provider_roots[&ProviderKind::Huggingface].value, Path::new("/hub/x"));
        assert!(config.provider_roots[&ProviderKind::TorchHub].value.ends_with("torch"));
    }

    #[test]
    fn offline_is_switched_on_by_others_and_off_only_by_our_variable() {
        let offline = |file, variables: &[_]| discover("", file, variables, None).unwrap().offline.value;
        let file = "cache.offline = true";
        assert!(offline(file, &[("HF_HUB_OFFLINE", "0")]));
        assert!(offline("", &[("HF_HUB_OFFLINE", "ON")]));
        assert!(offline("", &[("CARGO_NET_OFFLINE", "true")]));
        assert!(!offline(file, &[("HF_HUB_OFFLINE", "1"), ("CACHE_HARNESS_OFFLINE", "0")]));
    }

    #[test]
    fn mirrors_and_connections_have_their_origin_and_an_empty_list_is_a_choice() {
        let user = "[cache]\nmirrors = ['https://a.example/{sha256}']\nconnections = 2";
        let found = |project: &str, variables: &[_]| {
            let config = discover(user, project, variables, None).unwrap();
            let shown = config.mirrors.value.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
            (shown, config.mirrors.origin, config.connections)
        };
        let (mirrors, origin, connections) = found("", &[]);
        assert_eq!((mirrors.as_str(), connections.value.get()), ("https://a.example/{sha256}", 2));
        assert!(origin.to_string().ends_with("config.toml:2") && connections.origin.to_string().ends_with(":3"));
        assert_eq!(found("cache.mirrors = []", &[]).0, "");
        let variables = [
            ("CACHE_HARNESS_MIRRORS", "https://b.example/{sha256}, https://c.example/{sha256},"),
            ("CACHE_HARNESS_CONNECTIONS", "64"),
        ];
        let (mirrors, origin, connections) = found("", &variables);
        assert_eq!(mirrors, "https://b.example/{sha256} https://c.example/{sha256}");
        assert_eq!((origin, connections.value.get()), (Origin::Variable("CACHE_HARNESS_MIRRORS"), 64));
        assert_eq!(discover("", "", &[], None).unwrap().connections.value.get(), 8);
    }

    #[test]
    fn a_setting_that_cannot_be_used_is_named_with_its_place() {
        let told = |user, project, variables: &[_]| discover(user, project, variables, None).unwrap_err();
        let variable = |name, value| told("", "", &[(name, value)]);
        let file = |project| told("", project, &[]);
        for (found, expected) in [
            (
                variable("CACHE_HARNESS_OFFLINE", "maybe"),
                "CACHE_HARNESS_OFFLINE: `maybe` is no switch; write \"1\" or \"0\"",
            ),
            (
                variable("CACHE_HARNESS_MAX_SIZE", "big"),
                "CACHE_HARNESS_MAX_SIZE: `big` is no size; write for example \"2GB\" (10^9) or \"2GiB\" (2^30)",
            ),
            (
                variable("CACHE_HARNESS_VERIFY", "never"),
                "CACHE_HARNESS_VERIFY: expected one of `memo`, `always`, found `never`",
            ),
            (
                variable("HF_ENDPOINT", "http://hub.example"),
                "HF_ENDPOINT: `http://hub.example` cannot be used: plain http is allowed only to this machine (127.0.0.0/8, [::1], localhost): use https",
            ),
            (variable("CACHE_HARNESS_CONFIG", "/no/such"), "CACHE_HARNESS_CONFIG: `/no/such` does not exist"),
            (
                file("[cache]\ndir = '$NOPE/x'"),
                "~/project/cache-harness.toml:2:7: `dir` in [cache]: `$NOPE/x` needs the variable `NOPE`, which is not set",
            ),
            (
                file("[providers.hugingface]\nroot = 'x'"),
                "~/project/cache-harness.toml:1:12: `hugingface` is no provider: did you mean `huggingface`?",
            ),
            (
                file("[remote]\nurl = 'ftp://x/y'"),
                "~/project/cache-harness.toml:2:7: `url` in [remote]: `ftp://x/y` cannot be used: `ftp` is not supported: use `https`, `http`, `s3` or `file`",
            ),
            (
                variable("HF_ENDPOINT", "https://hub.example/?x=1"),
                "HF_ENDPOINT: `https://hub.example/` cannot be used: paths are put after it, so it can have neither `?` nor `#`",
            ),
            (
                file("[cache]\nmirrors = [\n'https://a.example/{sha256}',\n  'https://b.example/{sha}',\n]"),
                "~/project/cache-harness.toml:4:3: `mirrors` in [cache]: `https://b.example/{sha}` cannot be used: `{sha}` is no placeholder: it can have `{sha256}`, `{prefix}`, `{repo}`, `{commit}`, `{path}`",
            ),
            (
                variable("CACHE_HARNESS_MIRRORS", "https://a.example/{sha256}, ftp://b.example/{sha256}"),
                "CACHE_HARNESS_MIRRORS: `ftp://b.example/{sha256}` cannot be used: `ftp` is not supported: use `https` or `http`",
            ),
            (
                file("[cache]\nconnections = 65"),
                "~/project/cache-harness.toml:2:15: `connections` in [cache] must be from 1 to 64, found 65",
            ),
            (
                variable("CACHE_HARNESS_CONNECTIONS", "0"),
                "CACHE_HARNESS_CONNECTIONS: must be a number from 1 to 64, found `0`",
            ),
            (
                told("[models.a]", "", &[]),
                "~/.config/cache-harness/config.toml:1:2: unknown key `models` at the top level\nhint: the keys here are `cache`, `providers`, `application_caches`, `remote`",
            ),
        ] {
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn without_a_home_the_folder_must_be_said() {
        let start = tempfile::tempdir().unwrap();
        let discover = |environment: &Environment| Config::discover(start.path(), environment, &Overrides::default());
        let error = discover(&Environment::default()).unwrap_err().report();
        let expected =
            "cannot tell where the cache belongs: HOME is not set\nhint: set `dir` in [cache] or CACHE_HARNESS_DIR";
        assert_eq!(error, expected);
        let (config, catalog) = discover(&Environment::from([("CACHE_HARNESS_DIR", "/c")])).unwrap();
        assert_eq!((config.dir.value.as_path(), config.state_dir.as_path()), (Path::new("/c"), Path::new("/c/state")));
        assert_eq!((config.project, catalog.path), (None, None));
    }
}
