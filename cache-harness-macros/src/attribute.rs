//! The function's other attributes: which one makes it a test, and which would hide a failure.

use syn::{Attribute, Meta, Path};

use crate::errors::Errors;
use crate::function::Function;

/// How an attribute bears on the question "what makes this a test?".
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Makes a test, alone: `#[test]`, `#[tokio::test]`.
    Test,
    /// Makes a test, and lets another attribute say which kind: `#[rstest]` above `#[tokio::test]`.
    Composing,
    /// Leaves that to others: `#[ignore]`, `#[serial]`, `#[traced_test]`.
    Bystander,
}

fn role(path: &Path) -> Role {
    let words: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["test_log", "test"] | [.., "rstest" | "test_case" | "test_matrix" | "apply"] => Role::Composing,
        [.., "traced_test" | "test_context"] => Role::Bystander,
        [.., last] if last.starts_with("test") || last.ends_with("test") => Role::Test,
        _ => Role::Bystander,
    }
}

/// Whether `path` is one of the test attributes that call the function without arguments.
fn passes_nothing(path: &Path) -> bool {
    let runners = ["core", "std", "tokio", "test_log", "async_std", "smol_potat", "actix_rt", "actix_web"];
    match (path.segments.first(), path.segments.last()) {
        (Some(first), Some(last)) if last.ident == "test" => {
            path.segments.len() == 1 || runners.iter().any(|runner| first.ident == runner)
        }
        (_, Some(last)) => last.ident == "wasm_bindgen_test",
        (_, None) => true,
    }
}

/// Who fills in the parameters that aren't models.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum OtherParameters {
    /// An attribute that knows cases, fixtures, pools, ….
    Supplied,
    /// Nobody.
    Nobody,
}

pub(crate) fn other_parameters(attributes: &[Attribute]) -> OtherParameters {
    let supplies = |attribute: &Attribute| match role(attribute.path()) {
        Role::Test | Role::Composing => !passes_nothing(attribute.path()),
        Role::Bystander => attribute.path().segments.last().is_some_and(|last| last.ident == "test_context"),
    };
    if attributes.iter().any(supplies) { OtherParameters::Supplied } else { OtherParameters::Nobody }
}

pub(crate) fn check(function: &Function, errors: &mut Errors) {
    let with_role = |wanted| function.attributes.iter().filter(move |attribute| role(attribute.path()) == wanted);
    let mut tests = with_role(Role::Test);
    if tests.next().is_none() && with_role(Role::Composing).next().is_none() {
        errors.on(
            &function.signature.ident,
            "no test attribute follows `#[cached_model]`\n\
             hint: write `#[cached_model(\"…\")]` above `#[test]` (or `#[tokio::test]`, `#[rstest]`, …); a `#[test]` \
             above it doesn't count, because it has already been expanded and can't be seen from here",
        );
    }
    for second in tests {
        errors.on(second, "a second test attribute: the test would run twice");
    }
    for attribute in &function.attributes {
        if attribute.path().is_ident("should_panic") && !names_its_panic(&attribute.meta) {
            errors.on(
                attribute,
                "with `#[should_panic]` a failed download would pass this test\n\
                 hint: name the panic, as in `#[should_panic(expected = \"out of range\")]`",
            );
        }
    }
}

fn names_its_panic(should_panic: &Meta) -> bool {
    match should_panic {
        Meta::Path(_) => false,
        Meta::List(list) => !list.tokens.is_empty(),
        Meta::NameValue(_) => true,
    }
}
