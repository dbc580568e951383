//! What stands between the parentheses: model names and options.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Ident, LitStr, Token};

use crate::errors::Errors;
use crate::name;
use crate::options::Options;

pub(crate) struct Arguments {
    /// The names that were understood, without repetitions.
    pub(crate) names: Vec<LitStr>,
    pub(crate) options: Options,
}

enum Argument {
    Name(LitStr),
    Option(Ident, TokenStream),
}

impl Parse for Argument {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        if input.peek(Ident::peek_any) && input.peek2(Token![=]) {
            let option = input.call(Ident::parse_any)?;
            input.parse::<Token![=]>()?;
            let value: TokenStream = input.parse()?;
            return if value.is_empty() {
                Err(syn::Error::new_spanned(&option, format!("`{option}` has no value")))
            } else {
                Ok(Self::Option(option, value))
            };
        }
        if input.peek(LitStr) {
            let name = input.parse()?;
            return if input.is_empty() { Ok(Self::Name(name)) } else { Err(input.error("expected `,`")) };
        }
        let other: TokenStream = input.parse()?;
        let message = match syn::parse2::<Ident>(other.clone()) {
            Ok(word) => format!("expected a model's name in quotes, as in `\"{word}\"`, or `option = value`"),
            Err(_) => "expected a model's name in quotes, or `option = value`".to_owned(),
        };
        Err(syn::Error::new_spanned(other, message))
    }
}

impl Arguments {
    /// Reads every argument on its own, so that a mistake in one hides none in the others.
    pub(crate) fn read(tokens: &TokenStream, errors: &mut Errors) -> Self {
        let mut arguments = Self { names: Vec::new(), options: Options::default() };
        let mut named = false;
        for piece in split_at_commas(tokens) {
            match syn::parse2(piece) {
                Ok(Argument::Name(name)) => {
                    named = true;
                    arguments.add_name(name, errors);
                }
                Ok(Argument::Option(option, value)) => arguments.options.set(option, &value, errors),
                Err(error) => {
                    named = true;
                    errors.add(error);
                }
            }
        }
        if !named {
            let message =
                "no model is named\nhint: write `#[cached_model(\"NAME\")]`, NAME being one of `cache-harness.toml`";
            errors.at(proc_macro2::Span::call_site(), message);
        }
        arguments
    }

    fn add_name(&mut self, literal: LitStr, errors: &mut Errors) {
        let value = literal.value();
        if let Err(reason) = name::check(&value) {
            errors.on(literal, format!("the model name `{}` {reason}", value.escape_debug()));
        } else if self.names.iter().any(|earlier| earlier.value() == value) {
            errors.on(literal, format!("the model `{value}` is named twice"));
        } else {
            self.names.push(literal);
        }
    }
}

fn split_at_commas(tokens: &TokenStream) -> Vec<TokenStream> {
    let mut pieces = vec![TokenStream::new()];
    for token in tokens.clone() {
        match (&token, pieces.last_mut()) {
            (TokenTree::Punct(mark), _) if mark.as_char() == ',' => pieces.push(TokenStream::new()),
            (_, Some(piece)) => token.to_tokens(piece),
            (_, None) => {}
        }
    }
    // A trailing comma leaves an empty piece, and so does `()`. A doubled comma isn't worth an error of its own.
    pieces.retain(|piece| !piece.is_empty());
    pieces
}
