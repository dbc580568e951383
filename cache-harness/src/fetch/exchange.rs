//! One request, and the redirects that it is sent along.
//!
//! Redirects are followed by hand, because what a request may carry is decided anew at each hop: the token
//! goes to the host it is meant for and to no other (RELIABILITY, reqwest #2985).

use std::ops::Range;
use std::time::Duration;

use reqwest::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, AUTHORIZATION, CONTENT_ENCODING, CONTENT_RANGE, ETAG, HeaderMap, IF_RANGE,
    LAST_MODIFIED, LOCATION, RANGE,
};
use reqwest::{Client, Response, StatusCode, Url};

use super::clients::Clients;
use super::host::Connection;
use super::message::public;
use super::{Address, head};
use crate::address::{is_allowed, may_lead};
use crate::error::{Error, Result};

const REDIRECTS: usize = 10;

/// What to ask for.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) address: Address,
    /// Where an earlier request was sent along to.
    pub(super) resolved: Option<Url>,
    /// The bytes that are wanted; `None` for all.
    pub(super) range: Option<Range<u64>>,
    /// What must not have changed for a part to be of use.
    pub(super) validator: Option<String>,
    /// How long the host may ask to wait.
    pub(super) longest_wait: Duration,
}

/// The answer that is no redirect.
pub(super) struct Answer {
    pub(super) head: Head,
    /// The address that gave it.
    pub(super) url: Url,
    pub(super) response: Response,
    /// Counts against the host until it is dropped.
    pub(super) connection: Connection,
}

/// The fields of a response's head that matter.
#[derive(Debug, Clone)]
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) range: Option<head::ContentRange>,
    pub(super) length: Option<u64>,
    /// A strong `ETag`, else `Last-Modified`.
    pub(super) validator: Option<String>,
    pub(super) encoding: Option<String>,
    /// Whether it says that parts may be asked for.
    pub(super) accepts_ranges: bool,
    pub(super) retry_after: Option<Duration>,
    /// `X-Error-Code`, by which the Hub says why it refuses.
    pub(super) code: Option<String>,
}

impl Request {
    /// Asks. `connection` is one to the resolved address, if there is one already; `waiting` is called now and then
    /// while the host lets us wait. If it wants a longer wait than may be, nothing is sent, and that is the answer.
    pub(super) async fn send(
        &self,
        clients: &Clients,
        mut connection: Option<Connection>,
        mut waiting: impl FnMut() + Send,
    ) -> Result<Result<Answer, Duration>> {
        let refused = |url: &str, reason: String| Error::Refused { url: public(url), reason };
        let first = Url::parse(&self.address.url).map_err(|error| refused(&self.address.url, error.to_string()))?;
        let plain_http = self.address.plain_http;
        is_allowed(first.as_str(), plain_http).map_err(|reason| refused(first.as_str(), reason))?;
        let mut url = self.resolved.clone().unwrap_or_else(|| first.clone());
        for _ in 0..=REDIRECTS {
            let host = clients.hosts.of(&url);
            let connection = match connection.take() {
                Some(connection) => connection,
                None => host.connection(&mut waiting).await,
            };
            let client = clients.of(&url)?;
            let asked = host.ask(self.longest_wait, &mut waiting, || self.build(client, &url, &first).send()).await;
            let response = match asked {
                Ok(answer) => answer.map_err(|error| clients.failed(&url, &error))?,
                Err(pause) => return Ok(Err(pause)),
            };
            let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            match location {
                Some(location) if response.status().is_redirection() => {
                    let next = url.join(location).map_err(|error| refused(location, error.to_string()))?;
                    may_lead(&url, &next, plain_http).map_err(|reason| refused(next.as_str(), reason))?;
                    url = next;
                }
                _ => return Ok(Ok(Answer { head: Head::of(&response), url, response, connection })),
            }
        }
        Err(refused(url.as_str(), format!("more than {REDIRECTS} redirects")))
    }

    fn build(&self, client: &Client, url: &Url, first: &Url) -> reqwest::RequestBuilder {
        // No compression: it would hide lengths and ranges.
        let mut request = client.get(url.clone()).header(ACCEPT_ENCODING, "identity");
        if let Some(token) = self.address.token.as_ref().filter(|_| url.origin() == first.origin()) {
            request = request.header(AUTHORIZATION, format!("Bearer {}", token.expose()));
        }
        let Some(range) = &self.range else { return request };
        let last = if range.end == u64::MAX { String::new() } else { (range.end - 1).to_string() };
        request = request.header(RANGE, format!("bytes={}-{last}", range.start));
        match &self.validator {
            Some(validator) => request.header(IF_RANGE, validator),
            None => request,
        }
    }
}

impl Head {
    fn of(response: &Response) -> Self {
        let field = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let strong = field(ETAG).filter(|etag| !etag.starts_with("W/"));
        Self {
            status: response.status(),
            range: field(CONTENT_RANGE).and_then(head::content_range),
            length: response.content_length(),
            validator: strong.or_else(|| field(LAST_MODIFIED)).map(ToOwned::to_owned),
            encoding: field(CONTENT_ENCODING).filter(|encoding| *encoding != "identity").map(ToOwned::to_owned),
            accepts_ranges: field(ACCEPT_RANGES).is_some_and(|units| units.contains("bytes")),
            retry_after: head::asked_pause(response.headers()),
            code: text(response.headers(), "x-error-code"),
        }
    }
}

/// A header's text, as far as a person would read it.
pub(super) fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    let text = headers.get(name)?.to_str().ok()?.trim();
    (!text.is_empty()).then(|| text.chars().take(200).collect())
}
