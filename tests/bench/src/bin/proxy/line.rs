//! A connection from a client to the server, with its limit and its latency.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::pace::Pace;
use crate::tally::Tally;
use crate::wire::Wire;

/// Told of bytes that arrive, before they do.
type Count<'a> = dyn Fn(usize) + Sync + 'a;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Line {
    /// Bytes per second that come down.
    pub(crate) rate: Option<u32>,
    /// Each way.
    pub(crate) delay: Duration,
}

impl Line {
    /// Carries everything between the two until both have said their last.
    pub(crate) fn join(self, client: &TcpStream, server: &TcpStream, tally: &Tally) {
        tally.opened();
        // The client believes itself connected already; over this way it would be after one round trip.
        let connected = Instant::now() + 2 * self.delay;
        let asked = AtomicBool::new(true);
        let up = |_| asked.store(true, Ordering::Relaxed);
        let down = |count| tally.came_down(count);
        thread::scope(|scope| {
            scope.spawn(|| self.carry(client, server, Pace::new(None, &asked), connected, &up));
            self.carry(server, client, Pace::new(self.rate, &asked), connected, &down);
        });
        tally.closed();
    }

    fn carry(self, from: &TcpStream, to: &TcpStream, pace: Pace<'_>, not_before: Instant, count: &Count<'_>) {
        let carried = if self.delay.is_zero() {
            at_once(from, to, pace, count)
        } else {
            self.delayed(from, to, pace, not_before, count)
        };
        // An end is passed on; an end by force ends both directions. Either side may be gone by now.
        let _ = match carried {
            Ok(()) => to.shutdown(Shutdown::Write),
            Err(_) => to.shutdown(Shutdown::Both).and(from.shutdown(Shutdown::Both)),
        };
    }

    fn delayed(
        self,
        mut from: &TcpStream,
        mut to: &TcpStream,
        mut pace: Pace<'_>,
        not_before: Instant,
        count: &Count<'_>,
    ) -> io::Result<()> {
        let wire = Wire::default();
        thread::scope(|scope| {
            let arrivals = scope.spawn(|| {
                let written = write_arrivals(&wire, &mut to, count);
                wire.receiver_leaves();
                // The sender may be waiting for bytes that nobody wants.
                written.inspect_err(|_| drop(from.shutdown(Shutdown::Both)))
            });
            let read = loop {
                let mut piece = wire.buffer();
                piece.resize(pace.piece(), 0);
                match from.read(&mut piece) {
                    Ok(0) => break Ok(()),
                    Ok(taken) => piece.truncate(taken),
                    Err(error) => break Err(error),
                }
                pace.pass(piece.len());
                if !wire.send(Instant::now().max(not_before) + self.delay, piece) {
                    break Ok(());
                }
            };
            wire.sender_leaves();
            arrivals.join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into())).and(read)
        })
    }
}

fn write_arrivals(wire: &Wire, to: &mut &TcpStream, count: &Count<'_>) -> io::Result<()> {
    while let Some(piece) = wire.receive() {
        count(piece.len());
        to.write_all(&piece)?;
        wire.arrived(piece);
    }
    Ok(())
}

fn at_once(mut from: &TcpStream, mut to: &TcpStream, mut pace: Pace<'_>, count: &Count<'_>) -> io::Result<()> {
    let mut buffer = vec![0; pace.piece()];
    loop {
        let taken = from.read(&mut buffer)?;
        if taken == 0 {
            return Ok(());
        }
        pace.pass(taken);
        count(taken);
        to.write_all(&buffer[..taken])?;
    }
}
