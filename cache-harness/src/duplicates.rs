//! The same bytes in several places: over the known caches, the providers' places, the store and folders that are named.
//!
//! Names of one inode are one place. Of files of the same size each is hashed, but the store's blobs, whose names say
//! it. Copies that share their blocks (reflinks) cannot be told from others, and count in full.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;

use crate::ask::Ask;
use crate::cache::Cache;
use crate::digest::Sha256Digest;
use crate::error::Result;
use crate::event::Via;
use crate::fs::{self, Limits, Search, Sighted, Unseen};
use crate::known_caches::KnownCache;
use crate::provider::Root;
use crate::provider_kind::ProviderKind;

/// Smaller files are not worth anybody's while.
const LEAST_BYTES: u64 = 64 * 1024;

/// What was found.
#[derive(Debug)]
pub(crate) struct Duplicates {
    /// Most wasteful first.
    pub(crate) groups: Vec<Group>,
    pub(crate) unseen: Vec<Unseen>,
}

/// Files with the same bytes.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) sha256: Sha256Digest,
    /// The size of one of them.
    pub(crate) bytes: u64,
    /// At least two.
    pub(crate) places: Vec<Place>,
    /// The model and file of the catalog that have these bytes.
    pub(crate) pinned: Option<(String, String)>,
    pub(crate) in_store: bool,
}

/// One inode.
#[derive(Debug)]
pub(crate) struct Place {
    /// Its names that were seen.
    pub(crate) paths: Vec<PathBuf>,
    pub(crate) holder: Holder,
}

/// Who put a file where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Holder {
    /// It is a blob of the store, whatever other names it has.
    Store,
    /// cache-harness, for a consumer that takes no link.
    Placed,
    Other,
}

impl Group {
    /// Bytes that the disk holds more often than once.
    pub(crate) fn extra_bytes(&self) -> u64 {
        self.bytes.saturating_mul(self.places.len() as u64 - 1)
    }

    /// Bytes that `adopt` would save from being downloaded.
    pub(crate) fn adoptable_bytes(&self) -> u64 {
        if self.pinned.is_some() && !self.in_store { self.bytes } else { 0 }
    }
}

/// Looks for files that are there more than once, also in `folders`.
pub(crate) fn find(cache: &Cache, folders: &[PathBuf]) -> Result<Duplicates> {
    let inner = &cache.inner;
    let blobs = inner.store.dir().join("v1/blobs");
    let blobs = blobs.canonicalize().unwrap_or(blobs);
    let mut search = Search::new(Limits::USUAL, None);
    search.through(&blobs);
    let roots = ProviderKind::ALL.into_iter();
    let roots = roots.filter_map(|kind| Root::of(kind, &inner.config, &inner.environment).ok()).map(|root| root.path);
    let known = KnownCache::all(&inner.config, &inner.environment).into_iter().map(|cache| cache.root);
    for folder in known.chain(roots).chain(folders.iter().cloned()) {
        search.through(&folder);
    }

    let mut sizes: BTreeMap<u64, HashMap<(u64, u64), Vec<Sighted>>> = BTreeMap::new();
    let mut seen = HashSet::new();
    for file in search.files.drain(..).filter(|file| file.fingerprint.size >= LEAST_BYTES) {
        if seen.insert(file.path.clone()) {
            let inode = (file.fingerprint.dev, file.fingerprint.ino);
            sizes.entry(file.fingerprint.size).or_default().entry(inode).or_default().push(file);
        }
    }
    let entries = inner.store.entries()?;
    let ours = |placed: &crate::store::Placed| placed.owner == crate::store::Owner::Ours;
    let links = entries.into_iter().flat_map(|(_, entry)| entry.placed).filter(ours);
    let links: HashSet<PathBuf> = links.map(|link| link.path).collect();
    let mut groups: BTreeMap<Sha256Digest, Group> = BTreeMap::new();
    for (bytes, inodes) in sizes.into_iter().filter(|(_, inodes)| inodes.len() > 1) {
        for names in inodes.into_values() {
            let blob = names.iter().find_map(|file| {
                let name = file.path.file_name()?.to_str()?;
                file.path.starts_with(&blobs).then(|| name.parse::<Sha256Digest>().ok()).flatten()
            });
            let digest = match (blob, names.first()) {
                (Some(digest), _) => digest,
                (None, Some(file)) => match fs::digest_of(&file.path) {
                    Ok((digest, _)) => digest,
                    Err(error) => {
                        search.unreadable(&file.path, &error);
                        continue;
                    }
                },
                (None, None) => continue,
            };
            let holder = match blob {
                Some(_) => Holder::Store,
                None if names.iter().any(|file| links.contains(&file.path)) => Holder::Placed,
                None => Holder::Other,
            };
            let (places, pinned) = (Vec::new(), None);
            let group =
                groups.entry(digest).or_insert(Group { sha256: digest, bytes, places, pinned, in_store: false });
            group.in_store |= holder == Holder::Store;
            group.places.push(Place { paths: names.into_iter().map(|file| file.path).collect(), holder });
        }
    }
    let pinned = pinned(cache);
    let mut groups: Vec<_> = groups.into_values().filter(|group| group.places.len() > 1).collect();
    for group in &mut groups {
        group.pinned = pinned.get(&group.sha256).cloned();
        group.places.sort_by(|one, next| one.paths.cmp(&next.paths));
    }
    groups.sort_by_key(|group| (std::cmp::Reverse(group.extra_bytes()), group.sha256));
    Ok(Duplicates { groups, unseen: search.unseen })
}

fn pinned(cache: &Cache) -> HashMap<Sha256Digest, (String, String)> {
    let models = cache.inner.catalog.models.keys();
    let models = models.filter_map(|name| cache.inner.prepared(&Ask::exactly(name.as_str(), Via::Restore)).ok());
    let files = models.flat_map(|model| {
        let named = |file: &crate::pins::PinnedFile| (file.sha256, (model.name().to_string(), file.path.to_string()));
        model.pins.files.iter().map(named).collect::<Vec<_>>()
    });
    files.collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "tests write what they search")]

    use super::*;
    use crate::config::Overrides;
    use crate::environment::Environment;
    use crate::progress::Progress;

    /// A project in a home of its own, with one pinned file of `bytes`.
    fn scene(bytes: &[u8]) -> (tempfile::TempDir, Cache) {
        let home = tempfile::tempdir().unwrap();
        let digest = Sha256Digest::of(bytes);
        let catalog = format!("[models.m]\nurls = [\"https://a.example/m.bin\"]\nsha256 = \"{digest}\"\n");
        std::fs::write(home.path().join("cache-harness.toml"), catalog).unwrap();
        let environment = Environment::from([("HOME", home.path().to_str().unwrap())]);
        let cache = Cache::with(home.path(), environment, &Overrides::default(), Progress::default()).unwrap();
        (home, cache)
    }

    fn put(path: PathBuf, bytes: &[u8]) -> PathBuf {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    #[test]
    fn the_same_bytes_in_two_inodes_are_told_and_names_of_one_are_one_place() {
        let (bytes, others) = (vec![1; 100_000], vec![2; 100_000]);
        let (home, cache) = scene(&bytes);
        let known = put(home.path().join(".cache/whisper/m.pt"), &bytes);
        let named = put(home.path().join("mine/copy"), &bytes);
        put(home.path().join("mine/of the same size"), &others);
        put(home.path().join("mine/small"), b"small");
        put(home.path().join("mine/small too"), b"small");
        std::fs::hard_link(&known, known.with_extension("again")).unwrap();
        let found = find(&cache, &[home.path().join("mine"), home.path().to_owned()]).unwrap();
        let [group] = found.groups.as_slice() else { panic!("{found:?}") };
        assert_eq!(group.sha256, Sha256Digest::of(&bytes));
        assert_eq!((group.extra_bytes(), group.adoptable_bytes()), (100_000, 100_000));
        assert_eq!(group.pinned, Some(("m".to_owned(), "m.bin".to_owned())));
        let paths: Vec<_> = group.places.iter().map(|place| place.paths.len()).collect();
        assert_eq!((paths, group.places[1].paths[0].clone()), (vec![2, 1], named.canonicalize().unwrap()));
    }

    #[test]
    fn what_the_store_has_is_not_hashed_again_and_not_to_be_adopted() {
        let bytes = vec![1; 100_000];
        let (home, cache) = scene(&bytes);
        let digest = Sha256Digest::of(&bytes);
        // By its name it is the blob, whatever is in it: that is for `verify`.
        put(cache.inner.store.blob(&digest), &vec![0; 100_000]);
        put(home.path().join(".cache/whisper/m.pt"), &bytes);
        let found = find(&cache, &[]).unwrap();
        let [group] = found.groups.as_slice() else { panic!("{found:?}") };
        assert!(group.in_store);
        assert_eq!((group.extra_bytes(), group.adoptable_bytes()), (100_000, 0));
        assert_eq!(group.places.iter().filter(|place| place.holder == Holder::Store).count(), 1);
    }
}
