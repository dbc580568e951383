//! `option = value`: what there is, and what each becomes in the request.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{Ident, LitBool, LitStr};

use crate::errors::Errors;
use crate::name;
use crate::suggestion::{near_miss, one_of};

enum Values {
    Words(&'static [&'static str]),
    /// A name that the catalog may have to confirm.
    Provider,
    Truth,
    /// A variant of the models; the catalog knows which there are.
    Variant,
}

const OPTIONS: &[(&str, Values)] = &[
    ("provider", Values::Provider),
    ("restore", Values::Words(&["auto", "copy", "private"])),
    ("verify", Values::Words(&["memo", "always"])),
    ("on_missing", Values::Words(&["fail", "skip"])),
    ("offline", Values::Truth),
    ("fallback", Values::Truth),
    ("variant", Values::Variant),
];

/// What becomes of a test whose model can't be had.
#[derive(Clone, Copy, Default)]
pub(crate) enum OnMissing {
    #[default]
    Fail,
    /// The test returns what counts as success; a return type that can't is reported at this span.
    Skip(Span),
}

#[derive(Default)]
pub(crate) struct Options {
    seen: Vec<Ident>,
    fields: Vec<TokenStream>,
    pub(crate) provider: Option<LitStr>,
    pub(crate) on_missing: OnMissing,
    /// The variant to take of each model.
    pub(crate) variant: Option<LitStr>,
}

impl Options {
    pub(crate) fn set(&mut self, option: Ident, value: &TokenStream, errors: &mut Errors) {
        let text = option.to_string();
        let Some((_, values)) = OPTIONS.iter().find(|(known, _)| *known == text) else {
            errors.on(&option, unknown_option(&text));
            return;
        };
        if self.seen.contains(&option) {
            errors.on(&option, format!("the option `{option}` is given twice"));
            return;
        }
        let field = match values {
            Values::Words(words) => word(&text, words, value).map(|literal| self.word_field(&literal)),
            Values::Provider => provider(value).map(|literal| {
                let field = quote!(::core::option::Option::Some(#literal));
                self.provider = Some(literal);
                field
            }),
            Values::Truth => truth(&text, value).map(|literal| quote!(::core::option::Option::Some(#literal))),
            Values::Variant => variant(&text, value).map(|literal| {
                let field = quote!(::core::option::Option::Some(#literal));
                self.variant = Some(literal);
                field
            }),
        };
        match field {
            Ok(field) => self.fields.push(quote!(#option: #field)),
            Err(error) => errors.add(error),
        }
        self.seen.push(option);
    }

    fn word_field(&mut self, literal: &LitStr) -> TokenStream {
        match literal.value().as_str() {
            "auto" => quote!(::cache_harness::__private::Restore::Auto),
            "copy" => quote!(::cache_harness::__private::Restore::Copy),
            "private" => quote!(::cache_harness::__private::Restore::Private),
            "fail" => quote!(::cache_harness::__private::OnMissing::Fail),
            "skip" => {
                self.on_missing = OnMissing::Skip(literal.span());
                quote!(::cache_harness::__private::OnMissing::Skip)
            }
            _ => quote!(::core::option::Option::Some(#literal)),
        }
    }

    /// The value of type `cache_harness::__private::Options`.
    pub(crate) fn value(&self) -> TokenStream {
        let fields = &self.fields;
        // Clippy sees through macros when nothing is left for the rest to fill in.
        let rest = (fields.len() < OPTIONS.len()).then(|| quote!(..::cache_harness::__private::Options::DEFAULT));
        quote!(::cache_harness::__private::Options { #(#fields,)* #rest })
    }
}

fn unknown_option(text: &str) -> String {
    let hint = match near_miss(text, OPTIONS.iter().map(|(known, _)| *known)) {
        Some(known) => format!("did you mean `{known}`?"),
        None => format!("an option is {}", one_of(OPTIONS, |(known, _)| format!("`{known}`"))),
    };
    format!("no option is named `{text}`\nhint: {hint}")
}

fn word(option: &str, words: &[&str], value: &TokenStream) -> syn::Result<LitStr> {
    let choices = || one_of(words, |word| format!("`\"{word}\"`"));
    let Ok(literal) = syn::parse2::<LitStr>(value.clone()) else {
        return Err(syn::Error::new_spanned(value, format!("`{option}` is {}", choices())));
    };
    let text = literal.value();
    if words.contains(&text.as_str()) {
        return Ok(literal);
    }
    let suggestion = near_miss(&text, words.iter().copied());
    let suggestion = suggestion.map_or_else(String::new, |word| format!("\nhint: did you mean `\"{word}\"`?"));
    Err(syn::Error::new_spanned(&literal, format!("`{option}` is {}{suggestion}", choices())))
}

fn provider(value: &TokenStream) -> syn::Result<LitStr> {
    let message = "`provider` is a name in quotes, such as `\"huggingface\"`";
    syn::parse2(value.clone()).map_err(|_| syn::Error::new_spanned(value, message))
}

fn truth(option: &str, value: &TokenStream) -> syn::Result<LitBool> {
    syn::parse2(value.clone())
        .map_err(|_| syn::Error::new_spanned(value, format!("`{option}` is `true` or `false`, without quotes")))
}

fn variant(option: &str, value: &TokenStream) -> syn::Result<LitStr> {
    match syn::parse2::<LitStr>(value.clone()) {
        Ok(literal) if name::is_variant(&literal.value()) => Ok(literal),
        _ => {
            let message = format!(
                "`{option}` is the name of a variant in quotes: letters, digits, `.`, `_` and `-`; `\"full\"` is the \
                 model itself"
            );
            Err(syn::Error::new_spanned(value, message))
        }
    }
}
