//! The head of a request.

use std::io::{self, BufRead, Read};

/// More than any client of ours sends.
const LARGEST_HEAD: u64 = 64 * 1024;

pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
}

impl Request {
    /// Reads one request; `None` when the client has closed the connection instead.
    pub(super) fn read(stream: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut head = stream.take(LARGEST_HEAD);
        let Some(start) = line(&mut head)? else { return Ok(None) };
        let mut words = start.split(' ');
        let (Some(method), Some(path), Some(_version)) = (words.next(), words.next(), words.next()) else {
            return Err(malformed("the request line has no three words"));
        };
        let mut headers = Vec::new();
        loop {
            let header = line(&mut head)?.ok_or_else(|| malformed("the head has no end"))?;
            if header.is_empty() {
                break;
            }
            let (name, value) = header.split_once(':').ok_or_else(|| malformed("a header has no colon"))?;
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        Ok(Some(Self { method: method.to_owned(), path: path.to_owned(), headers }))
    }

    /// The path without its query.
    pub(super) fn plain_path(&self) -> &str {
        self.path.split_once('?').map_or(&self.path, |(path, _)| path)
    }

    /// Which redirect of a chain led here: the `hop` of the query, 0 at first.
    pub(super) fn hop(&self) -> u32 {
        let query = self.path.split_once('?').map_or("", |(_, query)| query);
        let hop = query.split('&').find_map(|pair| pair.strip_prefix("hop="));
        hop.and_then(|hop| hop.parse().ok()).unwrap_or(0)
    }

    /// Where the next redirect of a chain leads.
    pub(super) fn next_hop(&self) -> String {
        format!("{}?hop={}", self.plain_path(), self.hop() + 1)
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

fn line(head: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = String::new();
    if head.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    line.truncate(line.trim_end_matches(['\r', '\n']).len());
    Ok(Some(line))
}

fn malformed(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
