//! How an archive is packed, which its name alone tells.

use crate::suggestion::listed;

/// What the suffix of a name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Format {
    pub(super) container: Container,
    pub(super) compression: Option<Compression>,
    suffix: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Container {
    /// One file and nothing else: it has the archive's name without the suffix.
    File,
    Tar,
    Zip,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    Gzip,
    Zstd,
    Xz,
    Bzip2,
}

/// The longest suffixes first.
const SUFFIXES: [(&str, Container, Option<Compression>); 14] = [
    (".tar.gz", Container::Tar, Some(Compression::Gzip)),
    (".tar.zst", Container::Tar, Some(Compression::Zstd)),
    (".tar.xz", Container::Tar, Some(Compression::Xz)),
    (".tar.bz2", Container::Tar, Some(Compression::Bzip2)),
    (".tgz", Container::Tar, Some(Compression::Gzip)),
    (".tzst", Container::Tar, Some(Compression::Zstd)),
    (".txz", Container::Tar, Some(Compression::Xz)),
    (".tbz2", Container::Tar, Some(Compression::Bzip2)),
    (".tar", Container::Tar, None),
    (".zip", Container::Zip, None),
    (".gz", Container::File, Some(Compression::Gzip)),
    (".zst", Container::File, Some(Compression::Zstd)),
    (".xz", Container::File, Some(Compression::Xz)),
    (".bz2", Container::File, Some(Compression::Bzip2)),
];

impl Format {
    /// The format of an archive with this name; else what would be understood.
    pub(crate) fn of(name: &str) -> Result<Self, String> {
        let lower = name.to_ascii_lowercase();
        let mut known = SUFFIXES.iter().filter(|(suffix, ..)| lower.len() > suffix.len() && lower.ends_with(suffix));
        match known.next() {
            Some((suffix, container, compression)) => {
                Ok(Self { container: *container, compression: *compression, suffix })
            }
            None => Err(format!("its name ends with none of {}", listed(SUFFIXES.iter().map(|(suffix, ..)| *suffix)))),
        }
    }

    /// The name without the suffix.
    #[cfg(feature = "archives")]
    pub(super) fn stem(self, name: &crate::model::FilePath) -> &str {
        let name = name.as_str();
        &name[..name.len() - self.suffix.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_tells_the_format() {
        let of = |name| Format::of(name).map(|format| (format.container, format.compression));
        assert_eq!(of("m.tar.gz"), Ok((Container::Tar, Some(Compression::Gzip))));
        assert_eq!(of("M.TGZ"), Ok((Container::Tar, Some(Compression::Gzip))));
        assert_eq!(of("m.onnx.zst"), Ok((Container::File, Some(Compression::Zstd))));
        assert_eq!(of("m.zip"), Ok((Container::Zip, None)));
        for none in ["m.rar", "gz", ".gz", "m.bin", ""] {
            assert!(of(none).unwrap_err().starts_with("its name ends with none of `.tar.gz`, "), "{none}");
        }
    }
}
