//! Sentence embeddings with candle: the consumer whose tests need a real model.
//!
//! `bash tests/e2e/run` serves the model, runs the annotated tests, and checks what they left behind.

use std::error::Error;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config};
use tokenizers::Tokenizer;

/// What can go wrong is only printed, by a test that fails.
pub type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

/// A sentence-transformers model of the BERT family: mean pooling, normalised.
pub struct Embedder {
    bert: BertModel,
    tokenizer: Tokenizer,
}

impl Embedder {
    /// Loads `config.json`, `tokenizer.json` and `model.safetensors` of `folder`.
    ///
    /// # Errors
    ///
    /// When one of them is missing, or is not what its name says.
    pub fn load(folder: &Path) -> Result<Self> {
        let config: Config = serde_json::from_slice(&std::fs::read(folder.join("config.json"))?)?;
        let tensors = candle_core::safetensors::load(folder.join("model.safetensors"), &Device::Cpu)?;
        let bert = BertModel::load(VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu), &config)?;
        let mut tokenizer = Tokenizer::from_file(folder.join("tokenizer.json"))?;
        // One sentence at a time needs no padding, and so no mask.
        tokenizer.with_padding(None);
        Ok(Self { bert, tokenizer })
    }

    /// The embedding of `sentence`, of length 1.
    ///
    /// # Errors
    ///
    /// When the model's shapes do not fit together.
    pub fn embed(&self, sentence: &str) -> Result<Vec<f32>> {
        let encoding = self.tokenizer.encode(sentence, true)?;
        let tokens = Tensor::new(encoding.get_ids(), &Device::Cpu)?.unsqueeze(0)?;
        let embedded = self.bert.forward(&tokens, &tokens.zeros_like()?, None)?;
        let mean = embedded.mean(1)?.squeeze(0)?;
        let length = mean.sqr()?.sum_all()?.sqrt()?;
        Ok(mean.broadcast_div(&length)?.to_vec1()?)
    }

    /// The cosine of the angle between two sentences: 1 for the same meaning, about 0 for unrelated ones.
    ///
    /// # Errors
    ///
    /// Those of [`embed`](Self::embed).
    pub fn nearness(&self, left: &str, right: &str) -> Result<f32> {
        Ok(self.embed(left)?.iter().zip(self.embed(right)?).map(|(left, right)| left * right).sum())
    }
}
