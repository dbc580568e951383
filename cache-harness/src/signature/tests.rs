//! Claims about headers, also hostile ones.

use std::io::Cursor;

use proptest::prelude::*;

use super::*;

fn safetensors(json: &str, data: usize) -> Vec<u8> {
    let mut file = (json.len() as u64).to_le_bytes().to_vec();
    file.extend(json.as_bytes());
    file.resize(file.len() + data, 0);
    file
}

fn gguf_text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
}

/// A GGUF file with these keys (key, type, value) and tensors.
fn gguf(keys: &[(&str, u32, Vec<u8>)], tensors: &[&str]) -> Vec<u8> {
    let mut file = b"GGUF\x03\0\0\0".to_vec();
    file.extend((tensors.len() as u64).to_le_bytes());
    file.extend((keys.len() as u64).to_le_bytes());
    for (key, kind, value) in keys {
        file.extend([gguf_text(key), kind.to_le_bytes().to_vec(), value.clone()].concat());
    }
    for name in tensors {
        file.extend(gguf_text(name));
        file.extend([2_u32.to_le_bytes().as_slice(), &[7; 16], &[0; 12]].concat());
    }
    file
}

/// A list of GGUF with values of this type.
fn gguf_list(kind: u32, values: &[Vec<u8>]) -> Vec<u8> {
    [&kind.to_le_bytes()[..], &(values.len() as u64).to_le_bytes(), &values.concat()].concat()
}

fn number(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).unwrap());
    bytes
}

/// A field of bytes of a protobuf message.
fn field(field: u64, content: &[u8]) -> Vec<u8> {
    [number(field << 3 | 2), number(content.len() as u64), content.to_vec()].concat()
}

/// A number in a protobuf message.
fn scalar(field: u64, value: u64) -> Vec<u8> {
    [number(field << 3), number(value)].concat()
}

/// A tensor type of ONNX.
fn tensor(of: u64, rank: Option<usize>) -> Vec<u8> {
    let shape = rank.map_or_else(Vec::new, |rank| field(2, &field(1, &scalar(1, 3)).repeat(rank)));
    field(1, &[scalar(1, of), shape].concat())
}

fn value(name: &str, of: &[u8]) -> Vec<u8> {
    [field(1, name.as_bytes()), field(2, of)].concat()
}

/// A model of ONNX with these fields of its graph.
fn onnx(graph: &[Vec<u8>]) -> Vec<u8> {
    [scalar(1, 8), field(2, b"pytest"), field(7, &graph.concat()), field(8, &scalar(2, 17))].concat()
}

fn read(format: Format, bytes: &[u8]) -> Result<Signature> {
    Signature::read(format, Cursor::new(bytes))
}

/// The parts with their types, as text.
fn parts(format: Format, bytes: &[u8]) -> Vec<String> {
    let signature = read(format, bytes).unwrap();
    let line = |(part, types): (&Part, &BTreeSet<String>)| {
        let types: Vec<_> = types.iter().map(String::as_str).collect();
        format!("{part} {}", types.join("/"))
    };
    signature.parts.iter().map(line).collect()
}

fn reason(format: Format, bytes: &[u8]) -> String {
    read(format, bytes).unwrap_err().to_string()
}

const TENSOR: &str = r#"{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}"#;

fn small_safetensors() -> Vec<u8> {
    let text = r#"{"__metadata__":{"format":"pt"},"b":TENSOR,"a":{"dtype":"I64","shape":[],"data_offsets":[24,32]}}"#;
    safetensors(&text.replace("TENSOR", TENSOR), 32)
}

fn small_gguf() -> Vec<u8> {
    let words = gguf_list(8, &[gguf_text("a"), gguf_text("bc")]);
    let nested = gguf_list(9, &[gguf_list(0, &[vec![1]]), gguf_list(8, &[])]);
    let keys = [
        ("general.architecture", 8, gguf_text("llama")),
        ("general.architecture.", 8, gguf_text("no")),
        ("general.file_type99", 4, vec![1, 0, 0, 0]),
        ("words", 9, words),
        ("nested", 9, nested),
        ("scores", 9, gguf_list(6, &[vec![0; 4], vec![0; 4]])),
        ("half", 12, vec![0; 8]),
    ];
    gguf(&keys, &["token_embd.weight", "output.weight"])
}

fn small_onnx() -> Vec<u8> {
    let initializer = [scalar(1, 5), scalar(2, 1), field(8, b"w"), field(9, &[0; 40])].concat();
    let sparse = field(1, &field(8, b"s"));
    let map = field(4, &field(1, &field(5, &[scalar(1, 7), field(2, &tensor(1, None))].concat())));
    onnx(&[
        field(1, b"\x0a\x01x"),
        field(5, &initializer),
        field(15, &sparse),
        field(11, &value("w", &tensor(1, Some(1)))),
        field(11, &value("s", &tensor(1, Some(1)))),
        field(11, &value("ids", &tensor(7, Some(2)))),
        field(11, &value("rate", &tensor(7, Some(0)))),
        field(12, &value("out", &tensor(10, None))),
        field(12, &value("odds", &map)),
        field(12, &value("new", &field(9, &field(1, &tensor(99, Some(1)))))),
    ])
}

#[test]
fn each_format_says_what_counts_in_it_and_nothing_else() {
    assert_eq!(
        parts(Format::Safetensors, &small_safetensors()),
        ["safetensors tensor `a` I64, rank 0", "safetensors tensor `b` F32, rank 2"]
    );
    assert_eq!(
        parts(Format::Gguf, &small_gguf()),
        ["gguf architecture llama", "gguf tensor `output.weight` ", "gguf tensor `token_embd.weight` "]
    );
    assert_eq!(
        parts(Format::Onnx, &small_onnx()),
        [
            "onnx input `ids` int64, rank 2",
            "onnx input `rate` int64, rank 0",
            "onnx output `new` optional (type 99, rank 1)",
            "onnx output `odds` sequence of (map of int64 to (float32, any rank))",
            "onnx output `out` float16, any rank",
        ]
    );
}

#[test]
fn a_file_is_known_by_its_extension() {
    for (path, format) in [
        ("a/model.safetensors", Some(Format::Safetensors)),
        ("m.q4.GGUF", Some(Format::Gguf)),
        ("onnx/model.onnx", Some(Format::Onnx)),
        ("model.onnx/data", None),
        ("onnx", None),
        ("model.safetensors.index.json", None),
    ] {
        assert_eq!(Format::of(path), format, "{path}");
    }
}

#[test]
fn a_signature_does_not_depend_on_sizes_order_or_how_the_tensors_are_spread() {
    let one = |json: &str| read(Format::Safetensors, &safetensors(json, 99)).unwrap();
    let text =
        |name: &str, shape: &str| format!(r#"{{"{name}":{{"dtype":"F32","shape":{shape},"data_offsets":[0,9]}}}}"#);
    let both =
        one(&format!("{},{}", text("a", "[1]").trim_end_matches('}').to_owned() + "}", &text("b", "[2,2]")[1..]));
    let (a, b) = (one(&text("a", "[7]")), one(&text("b", "[1,9]")));
    for (mut first, second) in [(a.clone(), b.clone()), (b, a)] {
        first.unite(second).unwrap();
        assert_eq!((first.digits(), first.differences(&both)), (both.digits(), Vec::new()));
    }
    assert_eq!(both.digits(), "8ded4a223a4661dc");
}

#[test]
fn a_name_cannot_be_made_to_look_like_two() {
    let one = |name: &str| {
        let mut signature = Signature::default();
        signature.declare(Format::Onnx, Kind::Input, name.to_owned(), "float32, rank 1".to_owned()).unwrap();
        signature
    };
    let mut two = one("a");
    two.unite(one("b")).unwrap();
    assert_ne!(one("a float32, rank 1\nonnx Input 1 b").digits(), two.digits());
}

#[test]
fn differences_are_named_three_of_each_sort_with_how_many_more() {
    let model = |parts: &[(&str, &str)]| {
        let mut signature = Signature::default();
        for (name, of) in parts {
            signature.declare(Format::Onnx, Kind::Input, (*name).to_owned(), (*of).to_owned()).unwrap();
        }
        signature
    };
    let real = model(&[("a", "x"), ("b", "x"), ("c", "x"), ("d", "x"), ("e", "x"), ("same", "x")]);
    let stand_in = model(&[("e", "y"), ("same", "x"), ("\u{1b}[2J\n", "x")]);
    assert_eq!(
        real.differences(&stand_in),
        [
            "missing: onnx input `a` (x), onnx input `b` (x), onnx input `c` (x) and 1 more",
            "unexpected: onnx input `\\u{1b}[2J\\n` (x)",
            "another type: onnx input `e` (y, not x)",
        ]
    );
    let architecture = |name: &str| read(Format::Gguf, &gguf(&[("general.architecture", 8, gguf_text(name))], &[]));
    let (llama, bert) = (architecture("llama").unwrap(), architecture("bert").unwrap());
    assert_eq!(llama.differences(&bert), ["another type: gguf architecture (`bert`, not `llama`)"]);
}

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
