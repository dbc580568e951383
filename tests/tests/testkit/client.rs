//! A client that takes nothing for granted.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use cache_harness::testkit::Server;

pub(crate) struct Client(BufReader<TcpStream>);

pub(crate) struct Response {
    /// The status codes of the answers before the final one.
    pub(crate) informational: Vec<u16>,
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// What broke the body off.
    pub(crate) error: Option<io::ErrorKind>,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(given, _)| given == name).map(|(_, value)| value.as_str()).collect()
    }
}

impl Client {
    pub(crate) fn of(server: &Server) -> Self {
        let stream = TcpStream::connect(server.url().strip_prefix("http://").unwrap()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self(BufReader::new(stream))
    }

    pub(crate) fn ask(&mut self, method: &str, path: &str, headers: &str) -> Response {
        self.request(method, path, headers);
        let mut informational = Vec::new();
        let (mut status, mut headers) = self.head();
        while status < 200 {
            informational.push(status);
            (status, headers) = self.head();
        }
        let mut response = Response { informational, status, headers, body: Vec::new(), error: None };
        if method != "HEAD"
            && let Some(length) = response.header("Content-Length")
        {
            let length: u64 = length.parse().unwrap();
            response.error = (&mut self.0).take(length).read_to_end(&mut response.body).err().map(|error| error.kind());
        }
        response
    }

    pub(crate) fn request(&mut self, method: &str, path: &str, headers: &str) {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
        self.0.get_mut().write_all(request.as_bytes()).unwrap();
    }

    pub(crate) fn get(&mut self, path: &str) -> Response {
        self.ask("GET", path, "")
    }

    pub(crate) fn part(&mut self, path: &str, range: &str) -> Response {
        self.ask("GET", path, &format!("Range: bytes={range}\r\n"))
    }

    fn head(&mut self) -> (u16, Vec<(String, String)>) {
        let status = self.line().split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = Vec::new();
        loop {
            let line = self.line();
            let Some((name, value)) = line.split_once(": ") else { return (status, headers) };
            headers.push((name.to_owned(), value.to_owned()));
        }
    }

    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// All that still comes until the server closes.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).unwrap();
        rest
    }

    pub(crate) fn is_closed(&mut self) -> bool {
        self.0.read(&mut [0]).is_ok_and(|count| count == 0)
    }
}
