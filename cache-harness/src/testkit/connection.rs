//! One client's connection: requests in, answers out, no faster than the line.

use std::io::{self, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use super::answer::{Answer, Ending, Framing};
use super::line::Pace;
use super::log::{Position, Received};
use super::request::Request;
use super::server::Shared;

/// How often a waiting connection looks whether the server has stopped.
const GLANCE: Duration = Duration::from_millis(20);

/// Serves `stream` until the client, a fault or the server's end closes it. Errors end the connection:
/// there is nobody to tell.
pub(super) fn serve(stream: &TcpStream, shared: &Shared) {
    let connection = Connection { stream, shared, pace: Pace::default() };
    let _ = connection.serve();
    let _ = stream.shutdown(Shutdown::Both);
}

/// What follows an answer.
enum Next {
    Request,
    Close,
}

struct Connection<'a> {
    stream: &'a TcpStream,
    shared: &'a Shared,
    pace: Pace,
}

impl Connection<'_> {
    fn serve(&self) -> io::Result<()> {
        self.stream.set_nodelay(true)?;
        let mut requests = BufReader::new(self.stream);
        while !self.shared.stopping.load(Ordering::Relaxed) {
            let request = match Request::read(&mut requests) {
                Ok(Some(request)) => request,
                Ok(None) => break,
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    return self.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
                }
                Err(error) => return Err(error),
            };
            let answer = self.shared.answer(&request)?;
            let position = self.shared.log.enter(Received {
                range: request.header("Range").map(str::to_owned),
                method: request.method,
                path: request.path,
                headers: request.headers,
                status: answer.status,
                bytes_sent: 0,
            });
            match self.send(&answer, position)? {
                Next::Request => {}
                Next::Close => break,
            }
        }
        Ok(())
    }

    fn send(&self, answer: &Answer, position: Position) -> io::Result<Next> {
        self.wait_until(Instant::now() + self.shared.line().latency)?;
        self.write(head(answer).as_bytes())?;
        if let Some(body) = &answer.body {
            let sent = match answer.ending {
                Ending::Cut(after) | Ending::Stall(after) => answer.length.min(after),
                Ending::KeepAlive | Ending::Close => answer.length,
            };
            self.send_body(body.open(answer.first)?.take(sent), answer, position)?;
            if let Ending::Stall(_) = answer.ending {
                self.stall()?;
            }
            if answer.framing == Framing::Chunked && !matches!(answer.ending, Ending::Cut(_)) {
                self.write(b"0\r\n\r\n")?;
            }
        }
        Ok(if answer.ending == Ending::KeepAlive { Next::Request } else { Next::Close })
    }

    fn send_body(&self, mut body: impl Read, answer: &Answer, position: Position) -> io::Result<()> {
        let mut buffer = vec![0; self.shared.line().piece()];
        let mut offset = answer.first;
        loop {
            let count = match body.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let piece = &mut buffer[..count];
            let wrong = answer.wrong_byte.and_then(|at| usize::try_from(at.checked_sub(offset)?).ok());
            if let Some(byte) = wrong.and_then(|index| piece.get_mut(index)) {
                *byte = !*byte;
            }
            self.pass(count)?;
            self.shared.log.count(position, count as u64);
            match answer.framing {
                Framing::Length(_) => self.write(piece)?,
                Framing::Chunked => {
                    self.write(format!("{count:x}\r\n").as_bytes())?;
                    self.write(piece)?;
                    self.write(b"\r\n")?;
                }
            }
            offset += count as u64;
        }
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut stream = self.stream;
        stream.write_all(bytes)
    }

    /// Waits until the line has room for `bytes`.
    fn pass(&self, bytes: usize) -> io::Result<()> {
        let line = self.shared.line();
        let own = line.per_connection.map(|rate| self.pace.book(bytes, rate));
        let shared = line.bytes_per_second.map(|rate| self.shared.pace.book(bytes, rate));
        match own.max(shared) {
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

fn head(answer: &Answer) -> String {
    let reason = match answer.status {
        200 => "OK",
        206 => "Partial Content",
        302 => "Found",
        404 => "Not Found",
        405 => "Method Not Allowed",
        416 => "Range Not Satisfiable",
        _ => "Status",
    };
    let mut head = format!("HTTP/1.1 {} {reason}\r\n", answer.status);
    let framing = match answer.framing {
        Framing::Length(length) => ("Content-Length", length.to_string()),
        Framing::Chunked => ("Transfer-Encoding", "chunked".to_owned()),
    };
    let close = (answer.ending == Ending::Close).then(|| ("Connection", "close".to_owned()));
    for (name, value) in answer.headers.iter().chain([&framing]).chain(&close) {
        head.extend([name, ": ", value, "\r\n"]);
    }
    head + "\r\n"
}
