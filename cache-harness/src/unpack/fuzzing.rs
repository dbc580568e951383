//! What must hold whatever is in an archive; see `fetch::fuzzing`.

use std::io::Cursor;

use super::names::{Kind, Names};
use super::{Archive, FilePath, pattern};

/// What may come out of an archive, in bytes.
const MOST: u64 = 1 << 20;
const SUFFIXES: [&str; 10] = ["tar", "zip", "gz", "zst", "xz", "bz2", "tar.gz", "tar.zst", "tar.xz", "tar.bz2"];

/// The first byte says how an archive is packed, the others are the archive.
#[expect(clippy::missing_panics_doc, reason = "what does not hold is a panic")]
pub fn archive(bytes: &[u8]) {
    let Some((kind, packed)) = bytes.split_first() else { return };
    let name = format!("m.{}", SUFFIXES[usize::from(*kind) % SUFFIXES.len()]);
    let Ok(name) = name.parse::<FilePath>() else { return };
    let Ok(archive) = Archive::new(&name, &[], MOST) else { return };
    let (mut came, mut seen) = (0, Vec::new());
    let _ = archive.unpack(Cursor::new(packed), &mut |path, content| {
        assert_stays_inside(&path);
        assert!(!seen.contains(&path), "{path} twice");
        let mut buffer = [0; 8192];
        loop {
            match content.read(&mut buffer).map_err(|error| archive.unreadable(&path, &error))? {
                0 => break,
                count => came += count as u64,
            }
            assert!(came <= MOST, "{came} bytes came");
        }
        seen.push(path);
        Ok(())
    });
}

/// Each line is a name in an archive, the character before it what it is the name of.
#[expect(clippy::missing_panics_doc, reason = "what does not hold is a panic")]
pub fn names(bytes: &[u8]) {
    let Ok(archive_name) = "m.tar".parse::<FilePath>() else { return };
    let patterns = ["**/*.bin".to_owned(), "[a-y]*".to_owned()];
    let Ok(archive) = Archive::new(&archive_name, &patterns, MOST) else { return };
    let mut names = Names::of(&archive);
    let mut files: Vec<FilePath> = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n').take(100) {
        let Some((kind, name)) = line.split_first() else { continue };
        let kind = match kind {
            b'd' => Kind::Folder,
            b'l' => Kind::Refused("a symbolic link"),
            _ => Kind::File,
        };
        let Ok(Some(path)) = names.admit(name, kind) else { continue };
        assert!(kind == Kind::File && name.ends_with(path.as_str().as_bytes()), "{path}");
        assert!(patterns.iter().any(|wanted| pattern::matches(wanted, path.as_str())), "{path}");
        assert_stays_inside(&path);
        let lower = path.as_str().to_lowercase();
        let is_below = |path: &str, folder: &str| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
        let clash = |other: &FilePath| {
            let other = other.as_str().to_lowercase();
            other == lower || is_below(&lower, &other) || is_below(&other, &lower)
        };
        assert!(!files.iter().any(clash), "{path} clashes");
        files.push(path);
    }
}

fn assert_stays_inside(path: &FilePath) {
    assert!(path.as_str().split('/').all(|part| !matches!(part, "" | "." | "..")), "{path}");
    assert!(!path.as_str().contains(['\\', ':', '\0', '\n']), "{path}");
}

#[cfg(test)]
mod tests {
    use super::{archive, names};
    use crate::corpus;

    #[test]
    fn it_holds_for_all_that_fuzzing_began_with_and_found() {
        corpus::each("archive", archive);
        corpus::each("names", names);
    }
}
