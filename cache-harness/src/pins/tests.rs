//! Claims about the lock file.

use proptest::prelude::*;

use super::*;
use crate::provider_kind::ProviderKind;

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
        (
            parse(&format!("version = 1\n[models.a]\nsource = 'unpack:m.zip'\nfiles = [{one}]").replace("SHA", SHA)),
            "f:2:9: missing `archive` in [models.a]",
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
    Declared {
        links: None,
        name,
        source,
        builtin: None,
        provider,
        hub_id,
        fallback,
        sha256,
        plain_http,
        capabilities,
        description,
        on: None,
        stand_in: false,
        line: 1,
    }
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
        archive in proptest::option::of(any_file()),
        signature in proptest::option::of("[0-9a-f]{16}"),
        files in proptest::collection::vec(any_file(), 1..4),
    ) -> Pins {
        let mut files = files;
        for (number, file) in files.iter_mut().enumerate() {
            file.path = format!("{number}{}", file.path).parse().unwrap();
        }
        Pins { source, commit: Some(commit), archive, coverage: Coverage::Unknown, signature, files }
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

    #[test]
    fn a_damaged_file_is_refused_or_pins_the_same_bytes(
        lock in any_lock(), at in any::<proptest::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut bytes = lock.render().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let Ok(text) = String::from_utf8(bytes) else { return Ok(()) };
        if let Ok(damaged) = parse(&text) {
            prop_assert_eq!(damaged.models, lock.models);
        }
    }
}

/// A model of the Hub, one that is unpacked, and one whose name is no bare key.
fn sample() -> LockFile {
    let file = |path: &str, size, etag: Option<&str>| PinnedFile {
        path: path.parse().unwrap(),
        size: Some(size),
        sha256: Sha256Digest::of(path.as_bytes()),
        etag: etag.map(Into::into),
    };
    let hub = Pins {
        source: "hub:o/n@main".into(),
        commit: Some("0".repeat(40)),
        archive: None,
        coverage: Coverage::Complete,
        signature: Some("0123456789abcdef".into()),
        files: vec![file("a b", 10, Some(SHA)), file("c/d", 2, None)],
    };
    let archive = Some(file("m.zip", 7, None));
    let (coverage, files) = (Coverage::Unknown, vec![file("x", 1, None)]);
    let unpacked = Pins { source: "unpack:m.zip".into(), commit: None, archive, signature: None, coverage, files };
    let models = BTreeMap::from([("o/n".parse().unwrap(), hub), ("v1.2".parse().unwrap(), unpacked)]);
    LockFile { path: "f".into(), models, newer: false }
}

/// Every text that one wrong, missing or additional character makes of `text`.
fn slips(text: &str) -> impl Iterator<Item = String> {
    let typed = "\"'#\\,.=]{_ \n\u{0}01afxAé".chars();
    let places = (0..=text.len()).filter(|at| text.is_char_boundary(*at));
    places.flat_map(move |at| {
        let (before, rest) = text.split_at(at);
        let after = rest.chars().next().map_or("", |character| &rest[character.len_utf8()..]);
        let slip = move |typed: char| [format!("{before}{typed}{rest}"), format!("{before}{typed}{after}")];
        typed.clone().flat_map(slip).chain([format!("{before}{after}")])
    })
}

#[test]
fn one_wrong_character_is_refused_with_its_place_or_pins_the_same_bytes() {
    let lock = sample();
    let text = lock.render();
    let (mut refused, mut harmless) = (0, 0);
    for damaged in slips(&text) {
        match LockFile::parse(Path::new("f"), &damaged) {
            Ok(found) => {
                assert_eq!(found.models, lock.models, "{damaged}");
                harmless += 1;
            }
            Err(Error::Malformed { line, message, .. }) => {
                assert!((1..=text.lines().count() + 1).contains(&line) && !message.is_empty(), "{damaged}");
                refused += 1;
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(refused > 10 * text.len() && harmless > text.len(), "{refused} refused, {harmless} harmless");
}

#[test]
fn a_line_that_went_missing_is_refused_and_a_block_without_check_is_read() {
    let lock = sample();
    let lines: Vec<String> = lock.render().lines().map(ToOwned::to_owned).collect();
    for gone in 0..lines.len() {
        let rest: Vec<_> = lines.iter().enumerate().filter(|(at, _)| *at != gone).map(|(_, line)| &**line).collect();
        if let Ok(found) = parse(&rest.join("\n")) {
            assert_eq!(found.models, lock.models, "without `{}`", lines[gone]);
        }
    }
    let edited = lock.render().replace("size = 10", "size = 11");
    let check = sample().models[&"o/n".parse().unwrap()].check(&"o/n".parse().unwrap());
    assert_eq!(
        parse(&edited).unwrap_err(),
        "f:14:9: what stands in [models.\"o/n\"] is not what its `check` was written for\n\
         hint: take the block from version control; if the change is meant, delete this line, and \
         `cache-harness lock` writes it anew"
    );
    let unchecked = edited.replace(&format!("check = \"{check}\" # o/n\n"), "");
    assert_eq!(parse(&unchecked).unwrap().models[&"o/n".parse().unwrap()].files[0].size, Some(11));
}
