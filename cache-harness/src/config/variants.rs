//! Which variants to take, as a flag or a variable says it.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::model::{FULL, ModelName, check_variant};

/// Which variant to take of which model, written `mini` (of every model that has it), `whisper-tiny=mini,other=full`,
/// or both, of which the second counts. `full` is the model itself.
///
/// # Examples
///
/// ```
/// use cache_harness::Variants;
/// let variants: Variants = "mini,whisper-tiny=full".parse().unwrap();
/// assert_eq!((variants.of("minilm"), variants.of("whisper-tiny")), (Some("mini"), Some("full")));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Variants {
    every: Option<String>,
    single: BTreeMap<ModelName, String>,
}

impl Variants {
    /// What is wanted of this model.
    #[must_use]
    pub fn of(&self, model: &str) -> Option<&str> {
        let single = self.single.iter().find(|(name, _)| name.as_str() == model).map(|(_, variant)| variant);
        single.or(self.every.as_ref()).map(String::as_str)
    }

    /// What is wanted of every model that has it.
    pub(crate) fn every(&self) -> Option<&str> {
        self.every.as_deref()
    }

    /// The models of which something is wanted by their name, and what.
    pub(crate) fn single(&self) -> impl Iterator<Item = (&ModelName, &str)> {
        self.single.iter().map(|(model, variant)| (model, variant.as_str()))
    }
}

impl FromStr for Variants {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut variants = Self::default();
        for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            let (model, word) =
                item.split_once('=').map_or((None, item), |(model, word)| (Some(model.trim_end()), word.trim_start()));
            if word != FULL {
                check_variant(word).map_err(|error| error.to_string())?;
            }
            let Some(model) = model else {
                if let Some(other) = variants.every.replace(word.to_owned()) {
                    return Err(format!("both `{other}` and `{word}` are named for all models"));
                }
                continue;
            };
            let model = model.parse::<ModelName>().map_err(|error| error.to_string())?;
            if model.variant().is_some() {
                return Err(format!("`{model}` is a variant itself: write `{}={word}`", model.model()));
            }
            if let Some(other) = variants.single.insert(model.clone(), word.to_owned()) {
                return Err(format!("both `{other}` and `{word}` are named for `{model}`"));
            }
        }
        Ok(variants)
    }
}

impl fmt::Display for Variants {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let single = self.single.iter().map(|(model, variant)| format!("{model}={variant}"));
        let items: Vec<String> = self.every.iter().cloned().chain(single).collect();
        formatter.pad(&items.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_shown_and_what_contradicts_itself_is_refused() {
        for text in ["", "mini", "full", "a=q5,b/c=full", "mini,a=q5"] {
            assert_eq!(text.parse::<Variants>().unwrap().to_string(), text);
        }
        assert_eq!(" b , a = q5,".parse::<Variants>().unwrap().to_string(), "b,a=q5");
        for (text, expected) in [
            ("a,b", "both `a` and `b` are named for all models"),
            ("m=a,m=b", "both `a` and `b` are named for `m`"),
            ("m@a=b", "`m@a` is a variant itself: write `m=b`"),
            ("../x=b", "`../x` has a `.` or `..` part, which could leave its folder"),
        ] {
            assert_eq!(text.parse::<Variants>().unwrap_err(), expected);
        }
        for text in ["..", "m=", "m=..", "a b", "m@a", "é", "a/b"] {
            assert!(text.parse::<Variants>().unwrap_err().contains("is no word of letters"), "{text}");
        }
    }
}
