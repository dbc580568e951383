//! Claims about headers.

use std::io::Cursor;

use super::*;

mod hostile;

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
