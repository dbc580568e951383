//! Which files of a repository a model has: those that its patterns mean, else all but second copies of the weights.

mod twins;

use std::collections::BTreeSet;

use super::Listed;
use crate::pattern::matches;
use crate::suggestion::{listed, nearest};

/// What was chosen of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Selection<'a> {
    pub(crate) files: Vec<&'a Listed>,
    /// Files that hold the same weights as others, in another format.
    pub(crate) left_out: Vec<&'a Listed>,
}

/// What a model whose `files` are `patterns` has of the repository.
///
/// # Errors
///
/// A pattern that means no file, with what may have been meant.
pub(crate) fn select<'a>(files: &'a [Listed], patterns: &[String]) -> Result<Selection<'a>, String> {
    if patterns.is_empty() {
        // What git keeps for itself is of no use to a model's consumer.
        let all = files.iter().filter(|file| name(&file.path) != ".gitattributes");
        let twins = twins::twins(files.iter().map(|file| file.path.as_str()));
        let (left_out, files) = all.partition(|file| twins.contains(file.path.as_str()));
        return Ok(Selection { files, left_out });
    }
    let meant = |pattern: &String| files.iter().any(|file| matches(pattern, &file.path));
    if let Some(idle) = patterns.iter().find(|pattern| !meant(pattern)) {
        return Err(format!("no file in it is meant by `{idle}`: {}", near(idle, files)));
    }
    let chosen = files.iter().filter(|file| patterns.iter().any(|pattern| matches(pattern, &file.path)));
    Ok(Selection { files: chosen.collect(), left_out: Vec::new() })
}

fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// What may have been meant by a pattern that means nothing.
fn near(pattern: &str, files: &[Listed]) -> String {
    const SHOWN: usize = 8;
    let paths = files.iter().map(|file| file.path.as_str());
    let endings = paths.clone().filter_map(|path| name(path).rsplit_once('.')).map(|(_, ending)| format!("*.{ending}"));
    let folders = paths.clone().filter_map(|path| path.rsplit_once('/')).map(|(folder, _)| format!("{folder}/*"));
    let wide: BTreeSet<String> = endings.chain(folders).collect();
    // A path ends with its name, and people forget the folder.
    if let Some(path) = paths.clone().find(|path| path.ends_with(&format!("/{pattern}"))) {
        return format!("did you mean `{path}`?");
    }
    if let Some(near) = nearest(pattern, paths.chain(wide.iter().map(String::as_str))) {
        return format!("did you mean `{near}`?");
    }
    let more = if wide.len() > SHOWN { " and others" } else { "" };
    format!("it has {}{more}", listed(wide.iter().take(SHOWN).map(String::as_str)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::Content;

    fn files(paths: &[&str]) -> Vec<Listed> {
        let file = |path: &&str| Listed { path: (*path).to_owned(), size: 1, content: Content::Small(String::new()) };
        paths.iter().map(file).collect()
    }

    fn chosen(paths: &[&str], patterns: &[&str]) -> Result<Vec<String>, String> {
        let patterns: Vec<String> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        let files = files(paths);
        select(&files, &patterns).map(|chosen| chosen.files.iter().map(|file| file.path.clone()).collect())
    }

    #[test]
    fn patterns_choose_and_one_that_means_nothing_is_told_with_its_near_miss() {
        let paths = [".gitattributes", "config.json", "model.safetensors", "onnx/model.onnx"];
        assert_eq!(chosen(&paths, &["*.json", "onnx/*"]).unwrap(), ["config.json", "onnx/model.onnx"]);
        assert_eq!(chosen(&paths, &["*"]).unwrap(), paths);
        let told = |pattern| chosen(&paths, &["*.json", pattern]).unwrap_err();
        assert_eq!(told("*.safetensor"), "no file in it is meant by `*.safetensor`: did you mean `*.safetensors`?");
        assert_eq!(told("model.onnx"), "no file in it is meant by `model.onnx`: did you mean `onnx/model.onnx`?");
        assert_eq!(told("confg.json"), "no file in it is meant by `confg.json`: did you mean `config.json`?");
        assert!(told("*.gguf").ends_with("it has `*.gitattributes`, `*.json`, `*.onnx`, `*.safetensors`, `onnx/*`"));
    }

    #[test]
    fn without_patterns_second_copies_are_left_out_and_named() {
        let files = files(&[".gitattributes", "config.json", "model.safetensors", "pytorch_model.bin", "tf_model.h5"]);
        let Selection { files, left_out } = select(&files, &[]).unwrap();
        let paths = |files: Vec<&Listed>| files.iter().map(|file| file.path.clone()).collect::<Vec<_>>();
        assert_eq!(paths(files), ["config.json", "model.safetensors"]);
        assert_eq!(paths(left_out), ["pytorch_model.bin", "tf_model.h5"]);
    }
}
