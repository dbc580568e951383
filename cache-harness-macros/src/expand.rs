//! From an annotated function to a test that has its models.
//!
//! ```text
//! #[test]                                            // the other attributes stay, in their order
//! fn compares(#[case] length: u8) -> Result<(), E> { // the model parameters are gone
//!     let Some([first, second]) = ::cache_harness::__private::prepare::<2>(const { &Request { … } })
//!         else { return ::cache_harness::__private::skipped() };
//!     let one: CachedModel = first;                  // as the user wrote the parameters
//!     let other: &CachedModel = &second;
//!     match () { () => { …the body… } }
//! }
//! ```
//!
//! The guards are locals of the function, so they live until the body has returned or unwound, also across `.await`.
//! The arm of a `match` ends the life of its temporaries, which makes those of the body's last expression go before the
//! guards, as they do for a parameter; in edition 2021 a mere block would not. It also keeps the body's items apart.
//! Our names are hygienic (`mixed_site`): the body can't see them.

use std::path::PathBuf;

use proc_macro2::{Delimiter, Group, Ident, Literal, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::PatType;
use syn::ext::IdentExt;

use crate::arguments::Arguments;
use crate::catalog::Surroundings;
use crate::errors::Errors;
use crate::function::Function;
use crate::options::OnMissing;
use crate::signature::{self, Taking};
use crate::{attribute, catalog};

pub(crate) fn expand(arguments: &TokenStream, item: &TokenStream, surroundings: &Surroundings) -> TokenStream {
    let mut errors = Errors::default();
    let arguments = Arguments::read(arguments, &mut errors);
    let files = catalog::check(&arguments.names, &arguments.options, surroundings, &mut errors);
    let function: Function = match syn::parse2(item.clone()) {
        Ok(function) => function,
        Err(error) => {
            errors.add(syn::Error::new(error.span(), format!("`#[cached_model]` stands on a test function: {error}")));
            let errors = errors.into_compile_errors();
            return quote!(#errors #item);
        }
    };
    attribute::check(&function, &mut errors);
    let others = attribute::other_parameters(&function.attributes);
    signature::check(&function.signature, &arguments.names, others, &mut errors);
    match errors.into_compile_errors() {
        Some(errors) => {
            let function = function.into_plain_code();
            quote!(#errors #function)
        }
        None => prepared(function, &arguments, &files),
    }
}

/// `function` with its models prepared before the body.
fn prepared(mut function: Function, arguments: &Arguments, files: &[PathBuf]) -> TokenStream {
    let hygienic = Span::mixed_site();
    let request = request(&function.signature.ident, arguments, files);
    let parameters = signature::take_models(&mut function.signature);
    let number = Literal::usize_unsuffixed(arguments.names.len());

    let guards: Vec<Ident> =
        (0..parameters.len()).map(|index| format_ident!("model_{index}", span = hygienic)).collect();
    let pattern = if guards.is_empty() { quote_spanned!(hygienic=> _models) } else { quote!([#(#guards),*]) };
    let parameters = parameters.iter().zip(&guards).map(|((parameter, taking), guard)| {
        let PatType { attrs, pat, colon_token, ty } = parameter;
        let value = match taking {
            Taking::Owned => quote!(#guard),
            Taking::Shared | Taking::Exclusive => quote_spanned!(hygienic=> &#guard),
        };
        quote_spanned!(hygienic=> #(#attrs)* let #pat #colon_token #ty = #value;)
    });
    let otherwise = match arguments.options.on_missing {
        // Never reached: a missing model has failed the test by a panic. Not `skipped()`, which would ask more of the
        // return type than such a test needs.
        OnMissing::Fail => quote_spanned!(hygienic=> ::core::unreachable!()),
        OnMissing::Skip(span) => {
            quote_spanned!(span.resolved_at(hygienic)=> return ::cache_harness::__private::skipped())
        }
    };
    let mut body = Group::new(Delimiter::Brace, function.statements);
    // Not hygienic, because the edition of this span decides how long temporaries live.
    body.set_span(function.brace.span.join());
    function.statements = quote_spanned! {hygienic=>
        let ::core::option::Option::Some(#pattern) = ::cache_harness::__private::prepare::<#number>(#request) else {
            #otherwise
        };
        #(#parameters)*
        match () { () => #body }
    };
    quote!(#function)
}

/// The `&'static Request`.
fn request(test: &Ident, arguments: &Arguments, files: &[PathBuf]) -> TokenStream {
    let names = &arguments.names;
    let options = arguments.options.value();
    let test = test.unraw().to_string();
    // Cargo rebuilds what includes a file when that file changes. The path is absolute because a relative one would
    // start at the file that the annotation stands in, which a macro can't know on stable.
    let files = files.iter().filter_map(|file| file.to_str());
    quote_spanned! {Span::mixed_site()=> const {
        const _: ::core::option::Option<&::core::primitive::str> = ::core::option_env!("CACHE_HARNESS_CONFIG");
        #(const _: &[::core::primitive::u8] = ::core::include_bytes!(#files);)*
        &::cache_harness::__private::Request {
            models: &[#(#names),*],
            manifest_dir: ::core::env!("CARGO_MANIFEST_DIR"),
            module: ::core::module_path!(),
            test: #test,
            file: ::core::file!(),
            line: ::core::line!(),
            options: #options,
        }
    }}
}
