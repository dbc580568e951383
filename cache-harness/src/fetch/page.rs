//! Reading a page: a small text that an API answers with, kept in memory.
//!
//! It goes the way of every request: redirects by hand, the token to its own origin only, the budget of the host, and
//! the same patience and retries as for files.

use std::sync::Arc;
use std::time::Instant;

use reqwest::header::{HeaderMap, LINK};
use reqwest::{Response, StatusCode, Url};

use super::candidates::LONGEST_WAIT;
use super::clients::Clients;
use super::exchange::{self, Answer, Head, Request};
use super::message::{broken, public};
use super::part::TRICKLE;
use super::{Address, retry};
use crate::error::{Error, Result};
use crate::progress::{Progress, Step};

/// A page to read.
#[derive(Debug, Clone)]
pub(crate) struct Inquiry {
    /// The model that it is read for.
    pub(crate) model: String,
    /// What it is, for whoever watches.
    pub(crate) what: &'static str,
    pub(crate) address: Address,
    /// The most bytes that it may have.
    pub(crate) limit: usize,
}

/// What an API answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Page {
    Text(Text),
    Refusal(Refusal),
}

/// The text of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) body: Vec<u8>,
    /// The address that gave it, after all redirects.
    pub(crate) url: String,
    /// The address of the page that follows it (RFC 8288).
    pub(crate) next: Option<String>,
}

/// An answer of 401, 403, 404 or 410.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) url: String,
    pub(crate) status: u16,
    /// `X-Error-Code`, as the Hub sends it.
    pub(crate) code: Option<String>,
    /// `X-Error-Message`, the same.
    pub(crate) message: Option<String>,
}

impl Inquiry {
    /// Asks until there is an answer, or no use in asking again.
    pub(super) async fn run(self, clients: Arc<Clients>, progress: Progress) -> Result<Page> {
        let mut attempt = 0;
        loop {
            let error = match self.ask(&clients).await {
                Ok(page) => return Ok(page),
                Err(error) => error,
            };
            attempt += 1;
            let Some(pause) = retry::pause(attempt, &error, LONGEST_WAIT, fastrand::f64()) else { return Err(error) };
            progress.step(Step::Retry { model: &self.model, file: self.what, pause, error: &error });
            tokio::time::sleep(pause).await;
        }
    }

    async fn ask(&self, clients: &Clients) -> Result<Page> {
        let address = self.address.clone();
        let request = Request { address, resolved: None, range: None, validator: None, longest_wait: LONGEST_WAIT };
        let answer = match request.send(clients, None, || {}).await? {
            Ok(answer) => answer,
            Err(pause) => {
                let url = public(&self.address.url);
                return Err(Error::Status { url, status: 429, code: None, retry_after: Some(pause) });
            }
        };
        let Answer { head, url, response, connection } = answer;
        let status = head.status.as_u16();
        if matches!(status, 401 | 403 | 404 | 410) {
            let message = exchange::text(response.headers(), "x-error-message");
            return Ok(Page::Refusal(Refusal { url: url.into(), status, code: head.code, message }));
        }
        if head.status != StatusCode::OK {
            let Head { code, retry_after, .. } = head;
            return Err(Error::Status { url: public(url.as_str()), status, code, retry_after });
        }
        if let Some(encoding) = head.encoding {
            let reason = format!("it is sent as `{encoding}`, which was not asked for");
            return Err(Error::Refused { url: public(url.as_str()), reason });
        }
        let next = next(response.headers(), &url);
        let body = self.body(clients, response, &url).await?;
        drop(connection);
        Ok(Page::Text(Text { body, url: url.into(), next }))
    }

    async fn body(&self, clients: &Clients, mut response: Response, url: &Url) -> Result<Vec<u8>> {
        let (mut body, begun) = (Vec::new(), Instant::now());
        while let Some(chunk) = response.chunk().await.map_err(|error| clients.failed(url, &error))? {
            if body.len() + chunk.len() > self.limit {
                let reason = format!("{} has more than {} bytes", self.what, self.limit);
                return Err(Error::Refused { url: public(url.as_str()), reason });
            }
            body.extend_from_slice(&chunk);
            let seconds = begun.elapsed().as_secs();
            if begun.elapsed() > clients.patience && (body.len() as u64) < seconds * TRICKLE {
                return Err(broken(&public(url.as_str()), format!("only {} bytes in {seconds} s", body.len())));
            }
        }
        Ok(body)
    }
}

/// The address of the next page, relative to `base`.
fn next(headers: &HeaderMap, base: &Url) -> Option<String> {
    let links = headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok());
    links.filter_map(next_link).find_map(|link| base.join(link).ok()).map(String::from)
}

/// The target of the link with `rel="next"`.
fn next_link(header: &str) -> Option<&str> {
    let mut rest = header;
    while let Some((target, after)) = rest.split_once('<').and_then(|(_, rest)| rest.split_once('>')) {
        let parameters = after.split('<').next().unwrap_or_default();
        let is_next = parameters.split([';', ',']).any(|parameter| {
            let Some((name, value)) = parameter.split_once('=') else { return false };
            let mut words = value.trim().trim_matches('"').split_ascii_whitespace();
            name.trim().eq_ignore_ascii_case("rel") && words.any(|word| word.eq_ignore_ascii_case("next"))
        });
        if is_next {
            return Some(target);
        }
        rest = after;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::next_link;

    #[test]
    fn the_next_page_is_found_among_the_links() {
        let next = Some("https://hub.example/a?cursor=x,y;z");
        for header in [
            "<https://hub.example/a?cursor=x,y;z>; rel=\"next\"",
            "<https://hub.example/first>; rel=first, <https://hub.example/a?cursor=x,y;z>; title=\"x\"; rel=\"prefetch NEXT\"",
            "<https://hub.example/a?cursor=x,y;z>;rel=next,<https://hub.example/b>;rel=last",
        ] {
            assert_eq!(next_link(header), next, "{header}");
        }
        for header in ["", "<a>; rel=\"prev\"", "a; rel=next", "<a", "<a>; rel=nextish", "<a>; next"] {
            assert_eq!(next_link(header), None, "{header}");
        }
    }
}
