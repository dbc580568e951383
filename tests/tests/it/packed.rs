//! Archives, harmless and hostile, and the blocks that declare and pin them.

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};

use cache_harness::Sha256Digest;
use cache_harness::testkit::{Body, Server};
use tar::EntryType;
use zip::write::SimpleFileOptions;

use crate::project::Project;

/// A file to be packed, or one that was: its path and bytes.
pub(crate) type File<'f> = (&'f str, &'f [u8]);

/// A tar with these entries; no name is too hostile for it.
pub(crate) fn tar_of(entries: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, kind, content) in entries {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        header.as_old_mut().linkname[..8].copy_from_slice(b"/etc/pwd");
        if let Some(gnu) = header.as_gnu_mut() {
            gnu.set_real_size(content.len() as u64);
        }
        header.set_cksum();
        builder.append(&header, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

/// A tar of plain files.
pub(crate) fn tar(files: &[File<'_>]) -> Vec<u8> {
    tar_of(&files.iter().map(|(name, content)| (*name, EntryType::Regular, *content)).collect::<Vec<_>>())
}

/// A zip of plain files, compressed.
pub(crate) fn zip(files: &[File<'_>]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A zip with one symbolic link.
pub(crate) fn zip_of_link(name: &str) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer.add_symlink(name, "/etc/passwd", SimpleFileOptions::default()).unwrap();
    writer.finish().unwrap().into_inner()
}

/// `bytes` with each `from` replaced by `to`, which is as long.
pub(crate) fn replaced(mut bytes: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let places: Vec<_> = (0..bytes.len() - from.len()).filter(|at| bytes[*at..].starts_with(from)).collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
    bytes
}

/// `bytes` compressed as the end of `name` says.
pub(crate) fn compressed(name: &str, bytes: &[u8]) -> Vec<u8> {
    match name.rsplit_once('.').unwrap().1 {
        "gz" | "tgz" => {
            let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            writer.write_all(bytes).unwrap();
            writer.finish().unwrap()
        }
        "zst" => ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest),
        "xz" => {
            let options = lzma_rust2::XzOptions::with_preset(1);
            let mut writer = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
            writer.write_all(bytes).unwrap();
            writer.finish().unwrap()
        }
        "bz2" => {
            let mut writer = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
            writer.write_all(bytes).unwrap();
            writer.finish().unwrap()
        }
        _ => bytes.to_vec(),
    }
}

/// A project whose model `m` is unpacked from the file `name` of the server; `keys` are further lines of its block.
pub(crate) fn project(server: &Server, name: &str, archive: impl Into<Body>, keys: &str) -> Project {
    server.put(&format!("/{name}"), archive);
    Project::new(&format!("[models.m]\nurls = [\"{}/{name}\"]\nunpack = true\n{keys}\n", server.url()))
}

/// The model's block in the lock file.
pub(crate) fn lock(name: &str, archive: &[u8], files: &[File<'_>]) -> String {
    let line = |path: &str, bytes: &[u8]| {
        format!("{{ path = \"{path}\", size = {}, sha256 = \"{}\" }}", bytes.len(), Sha256Digest::of(bytes))
    };
    let mut text = format!("\n[models.m]\nsource = \"unpack:{name}\"\narchive = {}\nfiles = [\n", line(name, archive));
    for (path, bytes) in files {
        writeln!(text, "  {},", line(path, bytes)).unwrap();
    }
    text + "]\n"
}
