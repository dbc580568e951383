//! Claims about headers that nobody means well with, and about those of very large files.

use proptest::prelude::*;

use super::*;

#[test]
fn a_hostile_safetensors_header_is_refused_with_its_reason() {
    let refused = |json: &str, data, expected: &str| {
        let reason = reason(Format::Safetensors, &safetensors(&json.replace("TENSOR", TENSOR), data));
        assert!(reason.contains(expected), "{reason}");
    };
    refused(r#"{"a":TENSOR,"a":TENSOR}"#, 24, "it declares the safetensors tensor `a` twice");
    refused(r#"{"a":TENSOR}"#, 23, "`a` is said to be at 0 to 24 of 23 bytes");
    refused(r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[9,8]}}"#, 24, "at 9 to 8");
    refused(r#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#, 24, "invalid value");
    refused(r#"{"a":{"dtype":"F32","data_offsets":[0,4]}}"#, 24, "missing field `shape`");
    refused(r#"{"a":TENSOR} {}"#, 24, "trailing characters");
    refused(r#"{"a":TENSOR"#, 24, "EOF");
    refused("[]", 0, "expected an object of tensors");
    refused(&format!(r#"{{"a":{}"#, "[".repeat(200_000)), 0, "invalid type");
    refused(&format!(r#"{{"a":{{"x":{}"#, "[".repeat(200_000)), 0, "EOF");
    refused(&format!(r#"{{"a":{{"dtype":"F32","shape":[{}1],"data_offsets":[0,0]}}}}"#, "1,".repeat(64)), 0, "64 dim");
    refused(&format!(r#"{{"a":{{"dtype":"{}","shape":[],"data_offsets":[0,0]}}}}"#, "F".repeat(33)), 0, "has the type");
    let mut broken = safetensors(r#"{"a":1}"#, 0);
    broken[11] = 0xff;
    assert!(read(Format::Safetensors, &broken).is_err());
    for (length, expected) in [
        (u64::MAX, "a header of 18446744073709551615 bytes, where 100000000 are the most"),
        (1 << 63, "a header of 9223372036854775808 bytes"),
        (99, "99 bytes from byte 8 on, but it has only 15"),
    ] {
        broken[..8].copy_from_slice(&length.to_le_bytes());
        let reason = reason(Format::Safetensors, &broken);
        assert!(reason.contains(expected), "{reason}");
    }
    assert_eq!(reason(Format::Safetensors, b"1234567"), "8 bytes from byte 0 on, but it has only 7");
}

#[test]
fn a_hostile_gguf_header_is_refused_with_its_reason() {
    let refused = |bytes: &[u8], expected: &str| {
        let reason = reason(Format::Gguf, bytes);
        assert!(reason.contains(expected), "{reason}");
    };
    refused(b"", "4 bytes from byte 0 on");
    refused(b"ggml\x03\0\0\0", "does not begin with `GGUF`");
    refused(b"GGUF\x01\0\0\0", "its version is 1");
    refused(b"GGUF\0\0\0\x03", "its numbers are big-endian");
    refused(&gguf(&[], &["a", "a"]), "it declares the gguf tensor `a` twice");
    refused(&gguf(&[("k", 13, vec![])], &[]), "unknown type 13");
    refused(&gguf(&[("k", 8, vec![0xff; 8])], &[]), "18446744073709551615 bytes from byte");
    refused(
        &gguf(&[("k", 9, [&[10, 0, 0, 0][..], &[0xff; 8]].concat())], &[]),
        "a list of 18446744073709551615 values",
    );
    refused(&gguf(&[("k", 9, [&[8, 0, 0, 0][..], &[0xff; 8]].concat())], &[]), "8 bytes from byte");
    let deep = (0..9).fold(gguf_list(0, &[]), |list, _| gguf_list(9, &[list]));
    refused(&gguf(&[("k", 9, deep)], &[]), "lists of lists");
    refused(&gguf(&[(&"k".repeat(65_536), 0, vec![0])], &[]), "a key of 65536 bytes");
    refused(&gguf(&[], &[&"t".repeat(4097)]), "a name of 4097 bytes");
    refused(
        &gguf(&[("general.architecture", 8, [&[2, 0, 0, 0, 0, 0, 0, 0][..], b"\xff\xff"].concat())], &[]),
        "not UTF-8",
    );
    let mut many = gguf(&[], &[]);
    many[8..24].fill(0xff);
    refused(&many, "8 bytes from byte 24");
}

#[test]
fn a_hostile_onnx_graph_is_refused_with_its_reason() {
    let refused = |bytes: &[u8], expected: &str| {
        let reason = reason(Format::Onnx, bytes);
        assert!(reason.contains(expected), "{reason}");
    };
    refused(b"", "it holds no graph");
    refused(b"<!DOCTYPE html>", "");
    refused(&[0, 1], "a field without a number");
    refused(&[0x3b], "field 7 is of the unknown kind 3");
    refused(&[0x3a, 5, 0], "field 7 has 5 bytes, more than there are");
    refused(&[&[0x3a][..], &[0xff; 9], &[1]].concat(), "more than there are");
    refused(&[0xff; 11], "a number of more than ten bytes");
    refused(&[0x08, 0x80], "1 bytes from byte 2 on");
    refused(&field(7, &[0x5a, 4, 0x0a, 9, 0, 0]), "field 1 has 9 bytes");
    refused(&[field(7, &[0x5a, 2, 0x08, 0x80]), vec![1]].concat(), "goes beyond its message");
    let twice = field(11, &value("a", &tensor(1, Some(1)))).repeat(2);
    refused(&onnx(&[twice]), "it declares the onnx input `a` twice");
    let deep = (0..50).fold(tensor(1, None), |of, _| field(4, &field(1, &of)));
    refused(&onnx(&[field(12, &value("a", &deep))]), "a type of types");
    refused(&onnx(&[field(11, &field(1, b"\xff"))]), "not UTF-8");
    refused(&onnx(&[field(11, &field(1, &[b'a'; 5000]))]), "a name of 5000 bytes");
}

/// Counts what is read, and says that it is longer than it is: zeros follow.
struct Long<'a> {
    bytes: &'a [u8],
    length: u64,
    position: u64,
    read: u64,
}

impl Read for &mut Long<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.length.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let count = buffer.len().min(left);
        let begin = usize::try_from(self.position).unwrap_or(usize::MAX).min(self.bytes.len());
        let there = count.min(self.bytes.len() - begin);
        buffer[..there].copy_from_slice(&self.bytes[begin..begin + there]);
        buffer[there..count].fill(0);
        self.position += count as u64;
        self.read += count as u64;
        Ok(count)
    }
}

impl Seek for &mut Long<'_> {
    fn seek(&mut self, target: io::SeekFrom) -> io::Result<u64> {
        self.position = match target {
            io::SeekFrom::Start(position) => position,
            io::SeekFrom::End(offset) => self.length.checked_add_signed(offset).unwrap(),
            io::SeekFrom::Current(offset) => self.position.checked_add_signed(offset).unwrap(),
        };
        Ok(self.position)
    }
}

fn read_long(format: Format, bytes: &[u8], length: u64) -> (Result<Signature>, u64) {
    let mut long = Long { bytes, length, position: 0, read: 0 };
    let signature = Signature::read(format, &mut long);
    (signature, long.read)
}

#[test]
fn weights_are_passed_over_and_not_read() {
    for (format, bytes) in [(Format::Safetensors, small_safetensors()), (Format::Gguf, small_gguf())] {
        let (signature, count) = read_long(format, &bytes, 5 << 30);
        assert_eq!(signature.unwrap(), read(format, &bytes).unwrap());
        assert!(count <= 64 << 10, "{count}");
    }
    // A terabyte of weights before the outputs, which are beyond what is there: only what is around them is read.
    let begin = [vec![0x3a], number((1 << 40) + 100), vec![0x2a], number(1 << 40), field(8, b"w"), vec![0x4a]].concat();
    let (signature, count) = read_long(Format::Onnx, &begin, 1 << 41);
    assert!(signature.unwrap_err().to_string().contains("without a number"));
    assert!(count <= 4 * (64 << 10), "{count}");
}

#[test]
fn a_header_without_end_is_left() {
    let mut lists = gguf(&[("k", 9, gguf_list(8, &[]))], &[]);
    let count = lists.len();
    lists[count - 8..].fill(0xff);
    let (signature, read) = read_long(Format::Gguf, &lists, u64::try_from(i64::MAX).unwrap());
    assert_eq!(signature.unwrap_err().to_string(), "its header is larger than that of any model");
    assert!(read <= (128 << 20) + (128 << 10), "{read}");
    let (signature, read) = read_long(Format::Gguf, &lists, u64::MAX);
    assert_eq!((signature.unwrap_err().to_string(), read), ("it is larger than any file".to_owned(), 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), prefix in 0..3_usize) {
        for format in [Format::Safetensors, Format::Gguf, Format::Onnx] {
            let _ = read(format, &bytes);
        }
        let prefix = [&b"GGUF\x03\0\0\0"[..], &[40, 0, 0, 0, 0, 0, 0, 0, b'{'], &[0x3a, 0x7f]][prefix];
        for format in [Format::Safetensors, Format::Gguf, Format::Onnx] {
            let _ = read(format, &[prefix, &bytes].concat());
        }
    }

    #[test]
    fn a_damaged_header_is_refused_or_read_again_to_the_same(
        which in 0..3_usize, at in any::<proptest::sample::Index>(), damage in any::<[u8; 8]>(), count in 1..8_usize,
    ) {
        let (format, mut bytes) = [
            (Format::Safetensors, small_safetensors()), (Format::Gguf, small_gguf()), (Format::Onnx, small_onnx()),
        ][which].clone();
        let at = at.index(bytes.len());
        for (byte, damage) in bytes[at..].iter_mut().zip(&damage[..count]) {
            *byte = *damage;
        }
        for bytes in [&bytes[..], &bytes[..at]] {
            if let Ok(signature) = read(format, bytes) {
                prop_assert_eq!(signature.digits().len(), DIGITS);
                prop_assert_eq!(read(format, bytes).unwrap().differences(&signature), Vec::<String>::new());
            }
        }
    }
}
