//! Which servers are believed to be who they say.
//!
//! Those that a CA of the system's store vouches for, or one of `SSL_CERT_FILE` and `SSL_CERT_DIR` in its stead.
//! What fails here fails again, so it is not tried again.

use std::io;
use std::sync::Arc;

use rustls::{CertificateError, ClientConfig, RootCertStore};

use crate::error::{Error, Result};

const UNKNOWN_CA: &str = if cfg!(target_os = "macos") {
    "add the CA that signs here, such as your company's, to the keychain"
} else {
    "add the CA that signs here, such as your company's, to the system's store, or set SSL_CERT_FILE to a PEM file \
     of the CAs to trust"
};
const OUT_OF_DATE: &str = "check this machine's clock; if it is right, the server's certificate has to be renewed";
const OTHER_NAME: &str =
    "another server than the one in the address answers: check the address, and proxies on the way";

/// Believes whom the system believes. Reads the system's store.
pub(super) fn system(url: &str) -> Result<ClientConfig> {
    use rustls_platform_verifier::BuilderVerifierExt as _;
    let made = config(|tls| Ok(tls.with_platform_verifier()?.with_no_client_auth()));
    made.map_err(|error| Error::Untrusted { url: url.to_owned(), message: error.to_string(), remedy: UNKNOWN_CA })
}

/// Believes nobody: for what goes in the clear, also on a machine without a store.
pub(super) fn nobody(url: &str) -> Result<ClientConfig> {
    let made = config(|tls| Ok(tls.with_root_certificates(RootCertStore::empty()).with_no_client_auth()));
    made.map_err(|error| Error::Transport { url: url.to_owned(), message: error.to_string() })
}

type Incomplete = rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>;

fn config(
    complete: impl FnOnce(Incomplete) -> Result<ClientConfig, rustls::Error>,
) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    complete(ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?)
}

/// The error of a request that failed with `message`, if the server's certificate is what failed it.
pub(super) fn distrusted(url: &str, message: &str, error: &reqwest::Error) -> Option<Error> {
    let remedy = match distrust(error)? {
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => OUT_OF_DATE,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => OTHER_NAME,
        _ => UNKNOWN_CA,
    };
    Some(Error::Untrusted { url: url.to_owned(), message: message.to_owned(), remedy })
}

/// What is wrong with the server's certificate, if that is what failed.
fn distrust(error: &reqwest::Error) -> Option<&CertificateError> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(rustls::Error::InvalidCertificate(reason)) = error.downcast_ref() {
            return Some(reason);
        }
        // An `io::Error` gives the source of what it wraps, and so passes over that itself.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        cause = wrapped.map_or_else(|| error.source(), |wrapped| Some(wrapped));
    }
    None
}
