//! The annotated function, with its body left alone.
//!
//! The body is not parsed: syntax that is newer than our parser passes through, its spans stay, and a large test costs
//! nothing.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Signature, Visibility, token};

pub(crate) struct Function {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    pub(crate) brace: token::Brace,
    pub(crate) inner_attributes: Vec<Attribute>,
    pub(crate) statements: TokenStream,
}

impl Parse for Function {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let signature = input.parse()?;
        let body;
        let brace = syn::braced!(body in input);
        Ok(Self {
            attributes,
            visibility,
            signature,
            brace,
            inner_attributes: body.call(Attribute::parse_inner)?,
            statements: body.parse()?,
        })
    }
}

impl Function {
    /// This function as plain code instead of a test, for the compiler (and editors) to go on with after a mistake.
    ///
    /// Attributes go, because each would report the parameters that we didn't take away, and so does `const`, which
    /// would report what they are dropped for.
    pub(crate) fn into_plain_code(mut self) -> TokenStream {
        self.attributes.retain(|attribute| attribute.path().is_ident("cfg"));
        self.signature.constness = None;
        for parameter in &mut self.signature.inputs {
            if let syn::FnArg::Typed(parameter) = parameter {
                parameter.attrs.clear();
            }
        }
        self.into_token_stream()
    }
}

impl ToTokens for Function {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self { attributes, visibility, signature, brace, inner_attributes, statements } = self;
        tokens.extend(quote!(#(#attributes)* #visibility #signature));
        brace.surround(tokens, |tokens| tokens.extend(quote!(#(#inner_attributes)* #statements)));
    }
}
