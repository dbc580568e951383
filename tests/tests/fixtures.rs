//! The fixtures are what the generator makes, and what they claim to be.

use serde_json::Value;
use tests::fixtures::{differences, directory, generate};

#[test]
fn the_files_on_disk_are_what_the_generator_makes() {
    let differences = differences(&generate(), &directory()).unwrap();
    assert!(differences.is_empty(), "{differences:?}: run `cargo run -p tests --bin generate-fixtures`");
}

#[test]
fn siblings_share_everything_but_their_weights() {
    let files = generate();
    for name in ["config.json", "tokenizer.json", "vocab.txt"] {
        assert_eq!(files[&*format!("minilm/{name}")], files[&*format!("minilm-finetuned/{name}")], "{name}");
    }
    assert_ne!(files["minilm/model.safetensors"], files["minilm-finetuned/model.safetensors"]);
}

#[test]
fn tensors_fill_their_files_without_gaps() {
    for (path, bytes) in generate().iter().filter(|(path, _)| path.ends_with(".safetensors")) {
        let (length, rest) = bytes.split_first_chunk().unwrap();
        let (header, data) = rest.split_at(usize::try_from(u64::from_le_bytes(*length)).unwrap());
        let header: Value = serde_json::from_slice(header).unwrap();
        let tensors = header.as_object().unwrap().iter().filter(|(name, _)| *name != "__metadata__");
        let mut spans: Vec<_> = tensors
            .map(|(name, tensor)| {
                let numbers = |key: &str| tensor[key].as_array().unwrap().iter().map(|n| n.as_u64().unwrap());
                let span: Vec<_> = numbers("data_offsets").collect();
                assert_eq!(span[1] - span[0], 4 * numbers("shape").product::<u64>(), "{path}: {name}");
                (span[0], span[1])
            })
            .collect();
        spans.sort_unstable();
        assert!(spans.windows(2).all(|pair| pair[0].1 == pair[1].0), "{path}");
        assert_eq!((spans[0].0, spans.last().unwrap().1), (0, data.len() as u64), "{path}");
    }
}

#[test]
fn every_token_has_its_embedding() {
    let files = generate();
    for (model, specials_in_vocabulary) in [("whisper-tiny", 0), ("minilm", 5)] {
        let json = |name: &str| serde_json::from_slice::<Value>(&files[&*format!("{model}/{name}")]).unwrap();
        let tokenizer = json("tokenizer.json");
        let vocabulary = tokenizer["model"]["vocab"].as_object().unwrap().len();
        let added = tokenizer["added_tokens"].as_array().unwrap().len();
        assert_eq!(json("config.json")["vocab_size"], vocabulary + added - specials_in_vocabulary, "{model}");
    }
}
