//! Claims about what comes out of hostile bytes; each format end to end is shown in `tests/`.

use std::io::{Cursor, Write as _};

use proptest::prelude::*;

use super::names::{Kind, Names};
use super::*;

const MOST: u64 = 1_000_000;

/// What comes out of `packed`, named `name`; or what is said instead.
fn unpacked(name: &str, packed: &[u8]) -> Result<Vec<(FilePath, Vec<u8>)>, String> {
    let name = name.parse().unwrap();
    let archive = Archive::new(&name, &[], MOST).unwrap();
    let mut files = Vec::new();
    let done = archive.unpack(Cursor::new(packed), &mut |path, content| {
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes).map_err(|error| archive.unreadable(&path, &error))?;
        files.push((path, bytes));
        Ok(())
    });
    done.map(|()| files).map_err(|error| error.to_string())
}

fn tar() -> Vec<u8> {
    let mut builder = ::tar::Builder::new(Vec::new());
    for (name, bytes) in [("config.json", &b"{}"[..]), ("onnx/model.onnx", &[7; 700])] {
        let mut header = ::tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        builder.append_data(&mut header, name, bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

fn zip() -> Vec<u8> {
    let mut writer = ::zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in [("config.json", &b"{}"[..]), ("onnx/model.onnx", &[7; 700])] {
        writer.start_file(name, ::zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn frames_of_zstd_that_hold_no_content_are_skipped() {
    let frame = |bytes: &[u8]| ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest);
    let skippable = [&0x184d_2a50_u32.to_le_bytes()[..], &3_u32.to_le_bytes(), b"abc"].concat();
    let packed = [&skippable, &frame(b"one "), &skippable, &frame(b"two"), &skippable].map(|part| &part[..]).concat();
    assert_eq!(unpacked("m.txt.zst", &packed), Ok(vec![("m.txt".parse().unwrap(), b"one two".to_vec())]));
}

#[test]
fn no_more_comes_out_than_may() {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(&vec![0; 1_000_001]).unwrap();
    let told = unpacked("m.bin.gz", &writer.finish().unwrap()).unwrap_err();
    let expected = "more than 1.00 MB come out of it, which is all the cache may hold";
    assert_eq!(told, format!("`m.bin.gz` is not unpacked: `m.bin`: {expected}"));
}

proptest! {
    /// A name is refused, left alone, or a path that stays in its folder.
    #[test]
    fn no_name_leaves_its_folder(names in proptest::collection::vec("[./a\\\\:A\u{0}-\u{20}é]{0,8}|\\PC{0,6}", 1..6)) {
        let name = "m.tar".parse().unwrap();
        let archive = Archive::new(&name, &[], MOST).unwrap();
        let mut judge = Names::of(&archive);
        let mut folded = Vec::new();
        for name in names {
            if let Ok(Some(path)) = judge.admit(name.as_bytes(), Kind::File) {
                prop_assert!(path.as_str().split('/').all(|part| !matches!(part, "" | "." | "..")));
                prop_assert!(name.ends_with(path.as_str()) && !path.as_str().contains(['\\', ':', '\0']));
                let lower = path.as_str().to_lowercase();
                let is_below = |path: &str, folder: &str| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
                let clash = |other: &String| *other == lower || is_below(&lower, other) || is_below(other, &lower);
                prop_assert!(!folded.iter().any(clash));
                folded.push(lower);
            }
        }
    }

    /// Bytes that somebody changed give files or an error: no panic, and no more than was allowed.
    #[test]
    fn damage_gives_files_or_an_error(
        at in any::<proptest::sample::Index>(), byte in any::<u8>(), cut in any::<proptest::sample::Index>(),
    ) {
        for (name, bytes) in [("m.tar", tar()), ("m.zip", zip())] {
            let mut damaged = bytes.clone();
            damaged[at.index(bytes.len())] = byte;
            for packed in [&damaged[..], &bytes[..cut.index(bytes.len())]] {
                let came = unpacked(name, packed).unwrap_or_default();
                prop_assert!(came.iter().map(|(_, bytes)| bytes.len() as u64).sum::<u64>() <= MOST);
            }
        }
    }

    /// The same for bytes that never were an archive.
    #[test]
    fn noise_gives_files_or_an_error(noise in proptest::collection::vec(any::<u8>(), 0..600)) {
        for name in ["m.tar", "m.zip", "m.gz", "m.zst", "m.xz", "m.bz2"] {
            let _ = unpacked(name, &noise);
        }
    }
}
