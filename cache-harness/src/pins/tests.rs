//! Claims about the lock file.

use proptest::prelude::*;

use super::*;

const SHA: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn parse(text: &str) -> Result<LockFile, String> {
    LockFile::parse(Path::new("f"), text).map_err(|error| error.report())
}

fn with_files(files: &str) -> Result<LockFile, String> {
    parse(&format!("version = 1\n[models.a]\nsource = 'path:x'\nfiles = [{files}]").replace("SHA", SHA))
}

#[test]
fn what_a_lock_file_cannot_say_is_refused_with_its_place() {
    let one = "{path='a/b',size=1,sha256='SHA'}";
    for (found, expected) in [
        (parse(""), "f:1:1: missing `version` at the top level"),
        (parse("version = 0"), "f:1:11: version 0 is unknown"),
        (
            parse("version = 1\nx = 2"),
            "f:2:1: unknown key `x` at the top level\nhint: the keys here are `version`, `models`",
        ),
        (
            parse("version = 1\n[models.a]\nsource = 'hub:o/n@main'\nfiles = []"),
            "f:2:9: missing `commit` in [models.a]",
        ),
        (with_files(""), "f:2:9: `files` in [models.a] is empty"),
        (with_files(&format!("{one},{one}")), "f:4:110: `a/b` is twice in [models.a]"),
        (
            with_files(&format!("{one},{}", one.replace("a/b", "A/b"))),
            "f:4:110: `A/b` and `a/b` in [models.a] are one path on some systems",
        ),
        (with_files(&format!("{one},{}", one.replace("a/b", "a"))), "f:4:16: `a/b` needs a folder where `a` is a file"),
        (
            with_files(&one.replace("a/b", "../b")),
            "f:4:16: `path` in [models.a.files]: `../b` has a `.` or `..` part, which could leave its folder",
        ),
        (
            with_files(&one.replace("=1", "=-1")),
            "f:4:27: `size` in [models.a.files] must be from 0 to 9007199254740992, found -1",
        ),
        (
            with_files(&one.replace("SHA", "abc")),
            "f:4:36: `sha256` in [models.a.files]: `abc` is no SHA-256: expected 64 hexadecimal digits, found 3",
        ),
        (
            with_files(&one.replace('}', ",etag='AB'}")),
            "f:4:108: `etag` in [models.a.files]: expected 40 or 64 lower-case hexadecimal digits, found `AB` (2)",
        ),
        (
            with_files(&format!(
                "{},{}",
                one.replace('}', &format!(",etag='{SHA}'}}")),
                one.replace("a/b", "c")
                    .replace("SHA", &SHA.replace('e', "f"))
                    .replace('}', &format!(",etag='{SHA}'}}"))
            )),
            "f:4:182: `c` has the `etag` of a file with another `sha256`",
        ),
        (
            with_files(&format!("{one},{}", one.replace("a/b", "c").replace("=1", "=9007199254740992"))),
            "f:4:110: `files` in [models.a] has more than 9007199254740992 bytes",
        ),
    ] {
        assert_eq!(found.unwrap_err(), expected);
    }
}

#[test]
fn a_newer_file_is_read_as_far_as_it_is_understood() {
    let text = format!(
        "version = 2\nnew = 1\n[models.a]\nsource = 'path:x'\nwhy = 1\nfiles = [{{path='b',size=1,sha256='{SHA}',x=1}}]"
    );
    let lock = parse(&text).unwrap();
    assert!(lock.newer && lock.models.len() == 1);
    assert!(parse(&text.replace("version = 2", "version = 1")).is_err());
}

fn declared(source: Source, provider: ProviderKind, sha256: Option<Sha256Digest>) -> Declared {
    let name = "a".parse().unwrap();
    let (fallback, capabilities, description) = (None, Vec::new(), None);
    let hub_id = Some("o/n".into());
    let plain_http = crate::address::PlainHttp::default();
    Declared { name, source, provider, hub_id, fallback, sha256, plain_http, capabilities, description, line: 1 }
}

#[test]
fn a_model_is_pinned_by_its_lock_block_or_by_the_digest_of_its_urls() {
    let lock = with_files("{path='b',size=7,sha256='SHA'}").unwrap();
    let path = |written: &str| Source::Path("/p/x".into(), written.into());
    let local = resolve(&declared(path("x"), ProviderKind::Huggingface, None), &lock).unwrap();
    assert_eq!((local.commit.as_ref().map(String::len), local.bytes()), (Some(40), Some(7)));
    let stale = resolve(&declared(path("y"), ProviderKind::Directory, None), &lock).unwrap_err();
    let expected = "the pins of `a` in `f` are of `path:x`, but the catalog declares `path:y`";
    assert_eq!(stale.to_string(), expected);
    let urls = Source::Urls(vec!["https://a.example/b".into()]);
    let digest = Sha256Digest::of(b"x");
    let pinned = resolve(&declared(urls.clone(), ProviderKind::Directory, Some(digest)), &lock).unwrap();
    assert_eq!((pinned.source.as_str(), pinned.bytes(), pinned.files[0].sha256), ("urls:b", None, digest));
    let empty = parse("version = 1").unwrap();
    let unpinned = resolve(&declared(urls, ProviderKind::Directory, None), &empty).unwrap_err();
    assert!(matches!(unpinned, Error::Unpinned { .. }));
}

prop_compose! {
    fn any_file()(
        path in "[a-z \"'#é]{1,4}(/[a-zA-Z0-9.]x){0,2}",
        size in 0..=MOST_BYTES / 3,
        content in any::<u8>(),
        etag in proptest::option::of("[0-9a-f]{40}([0-9a-f]{24})?"),
    ) -> PinnedFile {
        let sha256 = Sha256Digest::of(&[content]);
        PinnedFile { path: path.parse().unwrap(), size: Some(size), sha256, etag }
    }
}

prop_compose! {
    fn any_pins()(
        source in "\\PC{0,12}|path:[a\n\\\\\"]{0,3}",
        commit in "[0-9a-f]{40}",
        files in proptest::collection::vec(any_file(), 1..4),
    ) -> Pins {
        let mut files = files;
        for (number, file) in files.iter_mut().enumerate() {
            file.path = format!("{number}{}", file.path).parse().unwrap();
        }
        Pins { source, commit: Some(commit), files }
    }
}

prop_compose! {
    fn any_lock()(
        models in proptest::collection::btree_map("[a-zA-Z0-9_-]{1,3}([/.][a-z]x)?", any_pins(), 0..3),
    ) -> LockFile {
        let models = models.into_iter().map(|(name, pins)| (name.parse().unwrap(), pins)).collect();
        LockFile { path: "f".into(), models, newer: false }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(lock in any_lock()) {
        prop_assert_eq!(parse(&lock.render()), Ok(lock));
    }

    /// Whatever a damaged lock file still gives under the same name and source is either what was
    /// pinned, or other pins, whose bytes are then looked for in another entry and must have their digests.
    #[test]
    fn damage_never_changes_pins_within_their_entry(
        lock in any_lock(), at in any::<proptest::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut bytes = lock.render().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let Ok(text) = String::from_utf8(bytes) else { return Ok(()) };
        let Ok(damaged) = parse(&text) else { return Ok(()) };
        for (name, pins) in &lock.models {
            let Some(found) = damaged.models.get(name).filter(|found| found.source == pins.source) else { continue };
            prop_assert!(found == pins || found.entry_id(None) != pins.entry_id(None));
        }
    }
}
