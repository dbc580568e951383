//! The models that a workspace's annotations name, found in its sources without building them.

use std::collections::BTreeSet;
use std::path::Path;

use syn::visit::{self, Visit};

use crate::error::Result;
use crate::fs;

/// The names in all `#[cached_model("…")]` below `folder`, sorted. Files that do not parse are passed over:
/// the compiler will say more about them.
pub(crate) fn models(folder: &Path) -> Result<Vec<String>> {
    let mut found = Annotations::default();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for path in fs::list(&folder)? {
            match fs::look(&path)? {
                fs::Found::Other if is_searched(&path) => open.push(path),
                fs::Found::File(_) if path.extension().is_some_and(|extension| extension == "rs") => {
                    found.read(&path);
                }
                _ => {}
            }
        }
    }
    Ok(found.0.into_iter().collect())
}

/// Build output and hidden folders hold no sources of the workspace.
fn is_searched(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    !name.starts_with(b".") && name != b"node_modules" && !path.join("CACHEDIR.TAG").exists()
}

#[derive(Default)]
struct Annotations(BTreeSet<String>);

impl Annotations {
    fn read(&mut self, path: &Path) {
        let Ok(Some(text)) = fs::read_text(path) else { return };
        if text.contains("cached_model")
            && let Ok(file) = syn::parse_file(&text)
        {
            self.visit_file(&file);
        }
    }
}

impl<'ast> Visit<'ast> for Annotations {
    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        let named = attribute.path().segments.last().is_some_and(|segment| segment.ident == "cached_model");
        if named && let syn::Meta::List(list) = &attribute.meta {
            // Options are `name = value`; what stands alone is a model.
            let mut previous_was_equals = false;
            for token in list.tokens.clone() {
                if let proc_macro2::TokenTree::Literal(literal) = &token
                    && !previous_was_equals
                    && let syn::Lit::Str(name) = syn::Lit::new(literal.clone())
                {
                    self.0.insert(name.value());
                }
                previous_was_equals = matches!(&token, proc_macro2::TokenTree::Punct(punct) if punct.as_char() == '=');
            }
        }
        visit::visit_attribute(self, attribute);
    }
}
