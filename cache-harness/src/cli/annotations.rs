//! The annotated tests of a workspace, found in its sources without building them.

use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

use crate::error::Result;
use crate::fs;

/// An annotated test.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Annotated {
    /// The source file, relative to the folder that was searched.
    pub(crate) file: PathBuf,
    /// The test's function.
    pub(crate) test: String,
    /// As they stand in `#[cached_model("…")]`, with `@` and the variant where its option names one.
    pub(crate) models: Vec<String>,
}

/// All annotated tests below `folder`, sorted. Files that do not parse are passed over: the compiler will say
/// more about them.
pub(crate) fn tests(folder: &Path) -> Result<Vec<Annotated>> {
    let mut tests = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(below) = open.pop() {
        for path in fs::list(&below)? {
            match fs::look(&path)? {
                fs::Found::Other if is_searched(&path) => open.push(path),
                fs::Found::File(_) if path.extension().is_some_and(|extension| extension == "rs") => {
                    let file = path.strip_prefix(folder).unwrap_or(&path).to_owned();
                    let mut found = Found { file, tests: Vec::new() };
                    found.read(&path);
                    tests.append(&mut found.tests);
                }
                _ => {}
            }
        }
    }
    tests.sort();
    Ok(tests)
}

/// Build output and hidden folders hold no sources of the workspace.
fn is_searched(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    !name.starts_with(b".") && name != b"node_modules" && !path.join("CACHEDIR.TAG").exists()
}

struct Found {
    file: PathBuf,
    tests: Vec<Annotated>,
}

impl Found {
    fn read(&mut self, path: &Path) {
        let Ok(Some(text)) = fs::read_text(path) else { return };
        if text.contains("cached_model")
            && let Ok(file) = syn::parse_file(&text)
        {
            self.visit_file(&file);
        }
    }
}

impl<'ast> Visit<'ast> for Found {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        for attribute in &function.attrs {
            let named = attribute.path().segments.last().is_some_and(|segment| segment.ident == "cached_model");
            if named && let syn::Meta::List(list) = &attribute.meta {
                let (file, test) = (self.file.clone(), function.sig.ident.to_string());
                self.tests.push(Annotated { file, test, models: names(&list.tokens) });
            }
        }
        visit::visit_item_fn(self, function);
    }
}

/// The string literals that are no values: options are `name = value`, and what stands alone is a model.
fn names(arguments: &TokenStream) -> Vec<String> {
    let (mut names, mut variant) = (Vec::new(), None);
    let mut option = None;
    let mut previous_was_equals = false;
    for token in arguments.clone() {
        match &token {
            TokenTree::Literal(literal) => {
                if let syn::Lit::Str(text) = syn::Lit::new(literal.clone()) {
                    if !previous_was_equals {
                        names.push(text.value());
                    } else if option.as_deref() == Some("variant") {
                        variant = Some(text.value());
                    }
                }
            }
            TokenTree::Ident(word) => option = Some(word.to_string()),
            _ => {}
        }
        previous_was_equals = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '=');
    }
    if let Some(variant) = variant {
        for name in names.iter_mut().filter(|name| !name.contains('@')) {
            *name = format!("{name}@{variant}");
        }
    }
    names
}
