//! What is to be said about pins of a Hub repository.

use super::Context;
use crate::model::ModelName;
use crate::pinning::Pinned;

/// Says what was left out, and that the repository has another name now.
pub(super) fn tell(context: &Context, name: &ModelName, pinned: &Pinned) {
    if let Some(now) = &pinned.renamed {
        context
            .say(&format!("{name}: the repository is called `{now}` now: write `hub = \"{now}\"` in [models.{name}]"));
    }
    if !pinned.left_out.is_empty() {
        let names = grouped(&pinned.left_out).join(", ");
        context.say(&format!(
            "{name}: left out, as the same weights in other formats: {names}; patterns in `files` (--files) take them"
        ));
    }
}

/// The paths, and for those in a folder how many it has.
fn grouped(paths: &[String]) -> Vec<String> {
    let folder = |path: &String| path.split_once('/').map(|(folder, _)| folder.to_owned());
    let groups = paths.chunk_by(|one, next| folder(one).is_some() && folder(one) == folder(next));
    let shown = groups.map(|group| match (group, group.first().and_then(folder)) {
        ([_, _, ..], Some(folder)) => format!("{folder}/ ({} files)", group.len()),
        (group, _) => group.join(", "),
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn files_of_a_folder_are_counted() {
        let paths = ["a.bin", "b.h5", "onnx/a", "onnx/b/c", "openvino/x"].map(str::to_owned);
        assert_eq!(grouped(&paths), ["a.bin", "b.h5", "onnx/ (2 files)", "openvino/x"]);
    }
}
