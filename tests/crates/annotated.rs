//! Annotated tests in a crate with strict lints; compiled once as edition 2021 and once as edition 2024.
#![forbid(unsafe_code)]
#![deny(warnings, unused, missing_docs, unreachable_pub, missing_debug_implementations, unused_qualifications)]
#![deny(clippy::all, clippy::pedantic)]

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::process::ExitCode;

    use cache_harness::{cached_model, CachedModel};

    #[cached_model("minilm")]
    #[test]
    fn a_model_by_value(model: CachedModel) {
        assert!(model.path().exists());
    }

    #[cached_model("minilm", "wav2vec", restore = "copy", verify = "always", fallback = false)]
    #[tokio::test]
    async fn models_by_value_and_by_reference(
        sentences: &CachedModel,
        speech: CachedModel,
    ) -> Result<(), Box<dyn Error>> {
        tokio::task::yield_now().await;
        if sentences.path() == speech.path() {
            return Err("two models in one place".into());
        }
        Ok(())
    }

    #[cached_model(
        "minilm",
        provider = "huggingface",
        restore = "auto",
        verify = "memo",
        on_missing = "fail",
        offline = false,
        fallback = true
    )]
    #[test]
    fn no_parameter_and_every_option() {}

    #[cached_model("minilm", restore = "private", on_missing = "skip")]
    #[test]
    fn an_unused_parameter_that_could_skip(_model: CachedModel) -> ExitCode {
        ExitCode::SUCCESS
    }

    #[cached_model("minilm")]
    #[test]
    #[rustfmt::skip]
    fn a_body_of_one_expression(model: &CachedModel) -> Result<(), String> { Reader(model).found() }

    #[cached_model("minilm")]
    #[test]
    #[should_panic(expected = "as expected")]
    fn a_body_that_diverges(mut model: CachedModel) {
        #![expect(unused_mut, reason = "patterns stay as they were written")]
        use std::panic::panic_any;
        drop(model);
        panic_any("as expected");
    }

    struct Reader<'model>(&'model CachedModel);

    impl Reader<'_> {
        fn found(&self) -> Result<(), String> {
            if self.0.path().exists() {
                Ok(())
            } else {
                Err("the model is gone".to_owned())
            }
        }
    }

    impl Drop for Reader<'_> {
        fn drop(&mut self) {
            assert!(self.0.path().exists());
        }
    }

    // In edition 2021 the temporary of a tail expression outlives the locals of its block.
    #[cached_model("minilm")]
    #[test]
    fn a_tail_expression_borrows_the_model(model: CachedModel) -> Result<(), String> {
        Reader(&model).found()
    }

    #[cached_model("minilm")]
    #[test]
    fn names_of_the_body_are_its_own(model_0: &CachedModel) {
        struct CachedModel;
        const MODELS: [CachedModel; 1] = [CachedModel];
        let _models = model_0.path();
        assert_eq!(MODELS.len(), 1);
    }

    /// Without the prelude, and with names that shadow the usual ones.
    #[no_implicit_prelude]
    mod without_prelude {
        use ::cache_harness::{cached_model, CachedModel};

        mod core {}

        #[expect(dead_code, reason = "it is only here to be in the way")]
        enum Option {
            Some,
            None,
        }

        #[cached_model("minilm")]
        #[test]
        fn the_expansion_needs_no_name_in_scope(model: CachedModel) {
            ::std::assert!(model.path().exists());
        }
    }
}
