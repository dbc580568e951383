//! Archives that nobody should unpack: each is refused with its reason, and nothing of it is kept.

use cache_harness::testkit::{Server, generated};
use tar::EntryType;

use crate::archives::{partial, pinned, project_of_size};
use crate::inspect::assert_blobs_are_right;
use crate::packed::{compressed, lock, project, replaced, tar, tar_of, zip, zip_of_link};
use crate::project::Ended;

/// What `lock` and `restore` say of an archive; neither leaves anything of it.
fn refusal(name: &str, archive: &[u8]) -> String {
    let server = Server::start().unwrap();
    let project = project(&server, name, archive.to_vec(), "");
    let locking = project.run(&["lock"]);
    assert_eq!(locking.code, Some(1), "{locking:?}");
    // Bytes that no archive here has: what `lock` took out before it refused the rest is in the store.
    project.lock(&lock(name, archive, &[("model.bin", b"other weights")]));
    let restoring = project.run(&["restore", "m"]);
    assert_eq!(restoring.code, Some(1), "{restoring:?}");
    assert!(!project.cache().join("models").exists());
    assert_blobs_are_right(&project);
    let reason = |ended: &Ended| {
        let told = ended.stderr.split_once("is not unpacked: ").unwrap_or_else(|| panic!("{ended:?}")).1;
        told.lines().next().unwrap().to_owned()
    };
    assert_eq!(reason(&locking), reason(&restoring));
    reason(&restoring)
}

#[test]
fn what_an_archive_should_not_hold_is_refused() {
    const WEIGHTS: &[u8] = b"weights";
    let one = |name: &str, kind| tar_of(&[(name, kind, b"")]);
    let file = |name: &str| tar(&[(name, WEIGHTS)]);
    let in_zip = |name: &[u8]| replaced(zip(&[("12345/7890", WEIGHTS)]), b"12345/7890", name);
    let outside = "starts or ends with `/` or has `//`: a relative path is expected";
    for (archive, expected) in [
        (file("/etc/passwd"), format!("`/etc/passwd` {outside}")),
        (file("../x"), "`../x` has a `.` or `..` part, which could leave its folder".into()),
        (file("a/../../x"), "`a/../../x` has a `.` or `..` part, which could leave its folder".into()),
        (one("../", EntryType::Directory), "`..` has a `.` or `..` part, which could leave its folder".into()),
        (file("a\\b"), "`a\\\\b` has a control character or `\\`".into()),
        (file("c:x"), "`c:x` has a `:`".into()),
        (one("link", EntryType::Symlink), "`link` is a symbolic link".into()),
        (one("model.bin", EntryType::Link), "`model.bin` is a hard link".into()),
        (one("model.bin", EntryType::Char), "`model.bin` is a device".into()),
        (one("model.bin", EntryType::Block), "`model.bin` is a device".into()),
        (one("model.bin", EntryType::Fifo), "`model.bin` is a pipe".into()),
        (one("model.bin", EntryType::GNUSparse), "`model.bin` is a sparse file".into()),
        (tar(&[("a", WEIGHTS), ("a", WEIGHTS)]), "`a` is in it twice".into()),
        (tar(&[("a/B", WEIGHTS), ("A/b", WEIGHTS)]), "`a/B` and `A/b` are one path on some systems".into()),
        (tar(&[("a", WEIGHTS), ("A/b", WEIGHTS)]), "`A/b` needs a folder where `a` is a file".into()),
        (tar(&[("a/b", WEIGHTS), ("A", WEIGHTS)]), "`a/b` needs a folder where `A` is a file".into()),
    ] {
        assert_eq!(refusal("m.tar", &archive), expected);
    }
    let twice = replaced(zip(&[("12345/7890", WEIGHTS), ("abcde/fghi", WEIGHTS)]), b"12345/7890", b"abcde/fghi");
    // The bit that says "encrypted", in the header before the file and in the directory.
    let encrypted = replaced(zip(&[("model.bin", WEIGHTS)]), b"PK\x03\x04\x14\0\0", b"PK\x03\x04\x14\0\x01");
    let encrypted = replaced(encrypted, b"\x14\0\0\0\x08\0", b"\x14\0\x01\0\x08\0");
    // The name in the header before the file is another than in the directory.
    let mut contradictory = zip(&[("model.bin", WEIGHTS)]);
    contradictory[30] = b'x';
    for (archive, expected) in [
        (in_zip(b"/tc/passwd"), format!("`/tc/passwd` {outside}")),
        (in_zip(b"../../abcd"), "`../../abcd` has a `.` or `..` part, which could leave its folder".into()),
        (in_zip(b"a\\bcdefghi"), "`a\\\\bcdefghi` has a control character or `\\`".into()),
        (zip_of_link("link"), "`link` is a symbolic link".into()),
        (twice, "a name is in it twice".into()),
        (encrypted, "`model.bin` is encrypted".into()),
        (zip(&[("a", WEIGHTS), ("A", WEIGHTS)]), "`a` and `A` are one path on some systems".into()),
    ] {
        assert_eq!(refusal("m.zip", &archive), expected);
    }
    assert!(refusal("m.zip", &contradictory).starts_with("`model.bin`: "));
}

#[test]
fn what_is_broken_is_told_and_nothing_of_it_is_kept() {
    let weights = generated(3, 100_000);
    for name in ["m.bin.gz", "m.bin.zst", "m.bin.xz", "m.bin.bz2", "m.tar.gz", "m.zip"] {
        let server = Server::start().unwrap();
        let whole = match name {
            "m.zip" => zip(&[("m.bin", &weights)]),
            "m.tar.gz" => compressed(name, &tar(&[("m.bin", &weights)])),
            _ => compressed(name, &weights),
        };
        for archive in [&whole[..whole.len() / 2], b"no archive at all", b""] {
            let project = pinned(&server, name, archive, "", &[("m.bin", &weights)]);
            let ended = project.run(&["restore", "m"]);
            let told = ended.stderr.contains("is not unpacked: ") || ended.stderr.contains("are pinned");
            assert!(ended.code == Some(1) && told && !ended.stderr.contains("panicked"), "{name}: {ended:?}");
            assert_blobs_are_right(&project);
            assert!(!partial(&project, &weights).exists());
        }
    }
}

#[test]
fn more_bytes_than_pinned_are_not_written() {
    let zeros = vec![0; 12_000_000];
    for name in ["m.bin.gz", "m.tar.gz", "m.zip"] {
        let archive = match name {
            "m.bin.gz" => compressed(name, &zeros),
            "m.zip" => zip(&[("m.bin", &zeros)]),
            _ => compressed(name, &tar(&[("m.bin", &zeros)])),
        };
        let server = Server::start().unwrap();
        let project = pinned(&server, name, &archive, "", &[("m.bin", &zeros[..1000])]);
        let ended = project.run(&["restore", "m"]);
        let expected = format!("`{name}` is not unpacked: `m.bin` has more than the 1000 bytes that are pinned");
        assert!(ended.stderr.contains(&expected), "{ended:?}");
        // And nothing beyond what the cache may hold at all, whatever is pinned or skipped.
        let project = project_of_size(&server, name, "10MB");
        let ended = project.run(&["lock"]);
        assert!(ended.stderr.contains("10.0 MB"), "{name}: {ended:?}");
        let left = crate::inspect::walk(&project.cache()).into_iter().filter(|path| path.is_file());
        assert!(left.map(|path| path.metadata().unwrap().len()).sum::<u64>() < 10_000_000, "{name}");
    }
}
