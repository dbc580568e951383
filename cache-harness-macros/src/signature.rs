//! The function's parameters: which of them are models.

use syn::punctuated::Punctuated;
use syn::{FnArg, LitStr, PatType, Signature, Type};

use crate::attribute::OtherParameters;
use crate::errors::Errors;

/// How a parameter takes its model.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taking {
    /// `CachedModel`
    Owned,
    /// `&CachedModel`
    Shared,
    /// `&mut CachedModel`
    Exclusive,
}

/// How a parameter of type `declared` takes a model; `None` if it is something else.
pub(crate) fn taking(declared: &Type) -> Option<Taking> {
    match declared {
        Type::Path(path) => {
            path.path.segments.last().is_some_and(|last| last.ident == "CachedModel").then_some(Taking::Owned)
        }
        Type::Reference(reference) => match (taking(&reference.elem)?, &reference.mutability) {
            (Taking::Owned, None) => Some(Taking::Shared),
            (Taking::Owned, Some(_)) => Some(Taking::Exclusive),
            _ => None,
        },
        Type::Group(group) => taking(&group.elem),
        Type::Paren(parenthesised) => taking(&parenthesised.elem),
        _ => None,
    }
}

/// Reports what in `signature` can't be a test with these models.
pub(crate) fn check(signature: &Signature, names: &[LitStr], others: OtherParameters, errors: &mut Errors) {
    if let Some(token) = &signature.constness {
        errors.on(token, "a test that uses a cached model can't be a `const fn`");
    }
    if let Some(abi) = &signature.abi {
        errors.on(abi, "a test that uses a cached model can't be an `extern fn`");
    }
    let mut models = 0;
    for parameter in &signature.inputs {
        match parameter {
            FnArg::Receiver(receiver) => {
                errors.on(receiver, "a test is a free function: it can't take `self`");
            }
            FnArg::Typed(parameter) => match taking(&parameter.ty) {
                Some(Taking::Exclusive) => {
                    errors.on(&parameter.ty, "expected `CachedModel` or `&CachedModel`: a cached model is shared");
                }
                Some(Taking::Owned | Taking::Shared) => models += 1,
                None if others == OtherParameters::Nobody && parameter.attrs.is_empty() => {
                    errors.on(parameter, "expected `CachedModel` or `&CachedModel`");
                    // Meant as a model, most likely, so it counts as one below.
                    models += 1;
                }
                None => {}
            },
        }
    }
    if models != 0 && models != names.len() && !names.is_empty() {
        let models_named = count(names.len(), "model is named", "models are named");
        let models_taken = count(models, "parameter takes one", "parameters take one");
        errors.on(
            &signature.inputs,
            format!(
                "{models_named}, but {models_taken}\nhint: take no `CachedModel`, or one for each name, in that order"
            ),
        );
    }
}

fn count(number: usize, one: &str, more: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { more })
}

/// Takes the model parameters out of `signature`, in their order.
pub(crate) fn take_models(signature: &mut Signature) -> Vec<(PatType, Taking)> {
    let mut models = Vec::new();
    let mut rest = Punctuated::new();
    for parameter in std::mem::take(&mut signature.inputs) {
        match parameter {
            FnArg::Typed(parameter) => match taking(&parameter.ty) {
                Some(how) => models.push((parameter, how)),
                None => rest.push(FnArg::Typed(parameter)),
            },
            FnArg::Receiver(_) => rest.push(parameter),
        }
    }
    signature.inputs = rest;
    models
}
