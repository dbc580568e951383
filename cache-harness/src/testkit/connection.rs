//! One client's connection: requests in, answers out, no faster than the line.

use std::io::{self, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use super::answer::{Answer, Ending, Framing, Start};
use super::line::Pace;
use super::log::{Position, Received};
use super::request::Request;
use super::server::Shared;
use super::traffic::Sending;

/// How often a waiting connection looks whether the server has stopped.
const GLANCE: Duration = Duration::from_millis(20);

/// Serves `stream`, the server's `number`-th, until the client, a fault or the server's end closes it.
/// Errors end the connection: there is nobody to tell.
pub(super) fn serve(stream: &TcpStream, number: u64, shared: &Shared) {
    let connection = Connection { stream, number, shared, pace: Pace::default() };
    match connection.serve() {
        // The stream's owner drops it, and without a linger that resets the connection.
        Ok(Closing::Reset) => {
            let _ = rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO));
        }
        Ok(Closing::Orderly) | Err(_) => {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// How a connection ends.
enum Closing {
    Orderly,
    Reset,
}

/// What follows an answer.
enum Next {
    Request,
    Close(Closing),
}

struct Connection<'a> {
    stream: &'a TcpStream,
    number: u64,
    shared: &'a Shared,
    pace: Pace,
}

impl Connection<'_> {
    fn serve(&self) -> io::Result<Closing> {
        self.stream.set_nodelay(true)?;
        let mut requests = BufReader::new(self.stream);
        while !self.shared.stopping.load(Ordering::Relaxed) {
            let request = match Request::read(&mut requests) {
                Ok(Some(request)) => request,
                Ok(None) => break,
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    self.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")?;
                    break;
                }
                Err(error) => return Err(error),
            };
            let at = Instant::now();
            let answer = self.shared.answer(&request, at)?;
            let position = self.shared.log.enter(Received {
                at,
                connection: self.number,
                range: request.header("Range").map(str::to_owned),
                method: request.method,
                path: request.path,
                headers: request.headers,
                status: answer.status(),
                bytes_sent: 0,
            });
            match self.send(&answer, position)? {
                Next::Request => {}
                Next::Close(closing) => return Ok(closing),
            }
        }
        Ok(Closing::Orderly)
    }

    fn send(&self, answer: &Answer, position: Position) -> io::Result<Next> {
        let mut sending = self.shared.traffic.begin();
        self.wait_until(Instant::now() + self.shared.line().latency)?;
        for status in &answer.informational {
            self.write(format!("HTTP/1.1 {status} {}\r\n\r\n", reason(*status)).as_bytes())?;
        }
        let length = match answer.ending {
            Ending::Cut(after) | Ending::Reset(after) | Ending::Stall(after) => answer.length.min(after),
            Ending::KeepAlive | Ending::Close => answer.length,
        };
        if answer.body.is_none() || length == 0 {
            sending.end();
        }
        match answer.start {
            Start::Head(status) => self.write(head(status, answer).as_bytes())?,
            Start::Raw(bytes) => self.write(bytes)?,
        }
        if let Some(body) = &answer.body {
            self.send_body(body.open(answer.first)?, length, answer, position, &mut sending)?;
            if answer.framing == Framing::Chunked && matches!(answer.ending, Ending::KeepAlive | Ending::Close) {
                self.write(b"0\r\n\r\n")?;
            }
        }
        Ok(match answer.ending {
            Ending::KeepAlive => Next::Request,
            Ending::Close | Ending::Cut(_) => Next::Close(Closing::Orderly),
            Ending::Reset(_) => Next::Close(Closing::Reset),
            Ending::Stall(_) => {
                self.stall()?;
                Next::Close(Closing::Orderly)
            }
        })
    }

    /// Sends the next `length` bytes of `body`.
    fn send_body(
        &self,
        mut body: impl Read,
        length: u64,
        answer: &Answer,
        position: Position,
        sending: &mut Sending<'_>,
    ) -> io::Result<()> {
        let trickle = Pace::default();
        let mut buffer = Vec::new();
        let mut sent = 0;
        self.pace.begin();
        self.shared.pace.begin();
        while sent < length {
            let mut largest = self.shared.line().piece().min(length - sent);
            let slow = answer.trickle.filter(|trickle| sent >= trickle.after);
            match (slow, answer.trickle) {
                (Some(slow), _) => largest = largest.min((slow.bytes_per_second / 16).max(1)),
                (None, Some(later)) => largest = largest.min(later.after - sent),
                (None, None) => {}
            }
            buffer.resize(usize::try_from(largest).unwrap_or(usize::MAX), 0);
            let count = match body.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let piece = &mut buffer[..count];
            let offset = answer.first + sent;
            let wrong = answer.wrong_byte.and_then(|at| usize::try_from(at.checked_sub(offset)?).ok());
            if let Some(byte) = wrong.and_then(|index| piece.get_mut(index)) {
                *byte = !*byte;
            }
            self.pass(count, slow.map(|slow| trickle.book(count, slow.bytes_per_second)))?;
            self.shared.log.count(position, count as u64);
            sent += count as u64;
            if sent == length {
                sending.end();
            }
            if answer.framing == Framing::Chunked {
                self.write(format!("{count:x}\r\n").as_bytes())?;
                self.write(piece)?;
                self.write(b"\r\n")?;
            } else {
                self.write(piece)?;
            }
        }
        Ok(())
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut stream = self.stream;
        stream.write_all(bytes)
    }

    /// Waits until the line has room for `bytes`, and not less than until `earliest`.
    fn pass(&self, bytes: usize, earliest: Option<Instant>) -> io::Result<()> {
        let line = self.shared.line();
        let own = line.per_connection.map(|rate| self.pace.book(bytes, rate));
        let shared = line.bytes_per_second.map(|rate| self.shared.pace.book(bytes, rate));
        match own.max(shared).max(earliest) {
            Some(passed) => self.wait_until(passed),
            None => Ok(()),
        }
    }

    /// Sends nothing until the client closes or the server stops.
    fn stall(&self) -> io::Result<()> {
        self.stream.set_read_timeout(Some(GLANCE))?;
        while !self.shared.stopping.load(Ordering::Relaxed) {
            match self.stream.peek(&mut [0]) {
                Ok(0) => break,
                // A further request that comes too early: it is not read, so look again later.
                Ok(_) => thread::sleep(GLANCE),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn wait_until(&self, moment: Instant) -> io::Result<()> {
        loop {
            let left = moment.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            if self.shared.stopping.load(Ordering::Relaxed) {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            thread::sleep(left.min(GLANCE));
        }
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        102 => "Processing",
        103 => "Early Hints",
        200 => "OK",
        206 => "Partial Content",
        302 => "Found",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        410 => "Gone",
        416 => "Range Not Satisfiable",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Status",
    }
}

fn head(status: u16, answer: &Answer) -> String {
    let mut head = format!("HTTP/1.1 {status} {}\r\n", reason(status));
    let framing = match answer.framing {
        Framing::Length(length) => format!("Content-Length: {length}\r\n"),
        Framing::Chunked => "Transfer-Encoding: chunked\r\n".to_owned(),
        Framing::Close => String::new(),
    };
    head += &framing;
    for (name, value) in &answer.headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    if answer.ending == Ending::Close {
        head += "Connection: close\r\n";
    }
    head + "\r\n"
}
