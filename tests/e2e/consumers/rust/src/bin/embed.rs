//! Loads `AllMiniLML6V2` as fastembed-rs does: the files from where it looks, a session from the one, a tokenizer from
//! the others.
//!
//! Usage: embed
#![expect(clippy::print_stdout, reason = "it is a program")]

use fastembed::{EmbeddingModel, TextEmbedding, TextInitOptions};

fn main() -> Result<(), fastembed::Error> {
    let options = TextInitOptions::new(EmbeddingModel::AllMiniLML6V2).with_show_download_progress(false);
    let embedding = TextEmbedding::try_new(options)?;
    let tokens =
        embedding.tokenizer.encode("hello world", true).map_err(|error| fastembed::Error::Other(error.to_string()))?;
    println!("fastembed-rs: a session, and a tokenizer that says {:?}", &tokens.get_ids()[..4]);
    Ok(())
}
