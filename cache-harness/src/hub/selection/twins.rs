//! Files that hold the weights of other files in another format.
//!
//! Repositories carry one model for several frameworks, each under the name that its loader asks for (`transformers`
//! `utils/__init__.py`, `diffusers` `utils/constants.py`, `sentence_transformers` `backend/`). Of files in one folder
//! that are such copies of each other the first format counts: safetensors, then `PyTorch`, `TensorFlow`, Flax, Rust. The
//! folders `onnx`, `openvino`, `coreml` and `original` are further copies of weights beside them.

use std::collections::BTreeSet;

/// Formats, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Format {
    Safetensors,
    PyTorch,
    TensorFlow,
    Flax,
    Rust,
}

/// The weights that a file holds, or a shard or the index of them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Weights<'a> {
    folder: &'a str,
    /// What loads them: files of another kind are other weights.
    kind: &'static str,
    /// Such as `fp16`, which is other weights too.
    variant: &'a str,
    format: Format,
}

/// File names up to the first dot, with the ending that they have, what they are, and in which format.
const NAMES: [(&str, &str, &str, Format); 11] = [
    ("model", "safetensors", "model", Format::Safetensors),
    ("pytorch_model", "bin", "model", Format::PyTorch),
    ("tf_model", "h5", "model", Format::TensorFlow),
    ("flax_model", "msgpack", "model", Format::Flax),
    ("rust_model", "ot", "model", Format::Rust),
    ("diffusion_pytorch_model", "safetensors", "diffusion", Format::Safetensors),
    ("diffusion_pytorch_model", "bin", "diffusion", Format::PyTorch),
    ("diffusion_flax_model", "msgpack", "diffusion", Format::Flax),
    ("adapter_model", "safetensors", "adapter", Format::Safetensors),
    ("adapter_model", "bin", "adapter", Format::PyTorch),
    ("pytorch_model", "safetensors", "model", Format::Safetensors),
];

const COPIES: [&str; 4] = ["onnx", "openvino", "coreml", "original"];

/// Those of the `paths` that hold weights which another one holds in a better format.
pub(super) fn twins<'a>(paths: impl Iterator<Item = &'a str> + Clone) -> BTreeSet<&'a str> {
    let weights: Vec<_> = paths.clone().filter_map(Weights::of).collect();
    let is_twin = |path: &&str| match Weights::of(path) {
        Some(own) => weights.iter().any(|other| other.is_twin_of(&own) && other.format < own.format),
        None => folders(path).any(|folder| weights.iter().any(|other| other.kind == "model" && other.folder == folder)),
    };
    paths.filter(is_twin).collect()
}

/// The folders beside whose weights `path` is a further copy.
fn folders(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').filter_map(|(end, _)| {
        let above = &path[..end];
        let (folder, name) = above.rsplit_once('/').unwrap_or(("", above));
        COPIES.contains(&name).then_some(folder)
    })
}

impl<'a> Weights<'a> {
    fn of(path: &'a str) -> Option<Self> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        if folder.split('/').any(|part| COPIES.contains(&part)) {
            return None;
        }
        let (stem, ending) = name.strip_suffix(".index.json").unwrap_or(name).rsplit_once('.')?;
        let stem = without_shard(stem);
        let (base, variant) = stem.split_once('.').unwrap_or((stem, ""));
        let known = NAMES.iter().find(|(known, its, ..)| (*known, *its) == (base, ending));
        known.map(|(_, _, kind, format)| Self { folder, kind, variant, format: *format })
    }

    fn is_twin_of(&self, other: &Self) -> bool {
        (self.folder, self.kind, self.variant) == (other.folder, other.kind, other.variant)
    }
}

/// `model` of `model-00001-of-00003`.
fn without_shard(stem: &str) -> &str {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let shard = stem.rsplit_once("-of-").filter(|(_, count)| is_number(count));
    match shard.and_then(|(rest, _)| rest.rsplit_once('-')) {
        Some((base, number)) if is_number(number) => base,
        _ => stem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_left_out(paths: &[&str], expected: &[&str]) {
        let expected = expected.iter().copied().collect();
        assert_eq!(twins(paths.iter().copied()), expected);
    }

    #[test]
    fn safetensors_stand_for_all_other_formats_also_in_shards() {
        let others = ["flax_model.msgpack", "pytorch_model.bin", "rust_model.ot", "tf_model.h5"];
        let kept = ["config.json", "model.safetensors", "tokenizer.json", "vocab.bin"];
        assert_left_out(&[kept.as_slice(), others.as_slice()].concat(), &others);
        let shards =
            ["pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin", "pytorch_model.bin.index.json"];
        let kept = ["model-00001-of-00003.safetensors", "model.safetensors.index.json"];
        assert_left_out(&[kept.as_slice(), shards.as_slice()].concat(), &shards);
    }

    #[test]
    fn the_first_format_stays_where_there_are_no_safetensors() {
        assert_left_out(&["pytorch_model.bin", "tf_model.h5"], &["tf_model.h5"]);
        assert_left_out(&["flax_model.msgpack", "tf_model.h5"], &["flax_model.msgpack"]);
        assert_left_out(&["model.bin", "ggml-tiny.bin", "model.gguf", "onnx/model.onnx"], &[]);
    }

    #[test]
    fn folders_of_other_runtimes_are_copies_only_beside_weights() {
        let copies = [
            "coreml/a/weights.bin",
            "onnx/config.json",
            "onnx/model.onnx",
            "openvino/model.xml",
            "original/consolidated.00.pth",
        ];
        assert_left_out(&[["model.safetensors"].as_slice(), copies.as_slice()].concat(), &copies);
        assert_left_out(&copies, &[]);
        assert_left_out(&["a/model.safetensors", "a/onnx/model.onnx", "onnx/model.onnx"], &["a/onnx/model.onnx"]);
        assert_left_out(&["onnx/model.safetensors", "onnx/pytorch_model.bin"], &[]);
        assert_left_out(&["adapter_model.safetensors", "onnx/model.onnx"], &[]);
    }

    #[test]
    fn other_folders_kinds_and_variants_are_other_weights() {
        assert_left_out(&["model.safetensors", "2_Dense/pytorch_model.bin"], &[]);
        assert_left_out(&["adapter_model.safetensors", "pytorch_model.bin"], &[]);
        assert_left_out(&["model.fp16.safetensors", "pytorch_model.bin"], &[]);
        let unet = ["unet/diffusion_pytorch_model.bin", "unet/diffusion_pytorch_model.fp16.bin"];
        let safetensors = ["unet/diffusion_pytorch_model.fp16.safetensors", "unet/diffusion_pytorch_model.safetensors"];
        assert_left_out(&[unet.as_slice(), safetensors.as_slice()].concat(), &unet);
        assert_left_out(&[unet[0], unet[1], safetensors[0]], &[unet[1]]);
    }
}
