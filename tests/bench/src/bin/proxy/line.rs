//! A connection from a client to the server, with its limit and its latency.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::pace::Pace;
use crate::tally::Tally;
use crate::wire::Wire;

/// Told how many bytes one side has sent; 0 when that was its last.
type Told<'a> = dyn Fn(usize) + Sync + 'a;

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
        let (asked, left) = (AtomicBool::new(true), AtomicBool::new(false));
        let leave = || {
            if !left.swap(true, Ordering::Relaxed) {
                tally.closed();
            }
        };
        // A client that has left holds no connection any more, though the server may not know yet.
        let up = |count| if count == 0 { leave() } else { asked.store(true, Ordering::Relaxed) };
        let down = |count| tally.came_down(count);
        thread::scope(|scope| {
            scope.spawn(|| self.carry(client, server, Pace::new(None, &asked), connected, &up));
            self.carry(server, client, Pace::new(self.rate, &asked), connected, &down);
        });
        leave();
    }

    fn carry(self, from: &TcpStream, to: &TcpStream, pace: Pace<'_>, not_before: Instant, told: &Told<'_>) {
        let carried = if self.delay.is_zero() {
            at_once(from, to, pace, told)
        } else {
            self.delayed(from, to, pace, not_before, told)
        };
        // An end is passed on; an end by force ends both directions. Either side may be gone by now.
        let _ = match carried {
            Ok(()) => to.shutdown(Shutdown::Write),
            Err(_) => to.shutdown(Shutdown::Both).and(from.shutdown(Shutdown::Both)),
        };
    }

    fn delayed(
        self,
        from: &TcpStream,
        mut to: &TcpStream,
        mut pace: Pace<'_>,
        not_before: Instant,
        told: &Told<'_>,
    ) -> io::Result<()> {
        let wire = Wire::default();
        thread::scope(|scope| {
            let arrivals = scope.spawn(|| {
                let written = write_arrivals(&wire, &mut to);
                wire.receiver_leaves();
                // The sender may be waiting for bytes that nobody wants.
                written.inspect_err(|_| drop(from.shutdown(Shutdown::Both)))
            });
            let sent = loop {
                let mut piece = wire.buffer();
                piece.resize(pace.piece(), 0);
                match read(from, &mut piece, told) {
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
            arrivals.join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into())).and(sent)
        })
    }
}

fn write_arrivals(wire: &Wire, to: &mut &TcpStream) -> io::Result<()> {
    while let Some(piece) = wire.receive() {
        to.write_all(&piece)?;
        wire.arrived(piece);
    }
    Ok(())
}

fn at_once(from: &TcpStream, mut to: &TcpStream, mut pace: Pace<'_>, told: &Told<'_>) -> io::Result<()> {
    let mut buffer = vec![0; pace.piece()];
    loop {
        let taken = read(from, &mut buffer, told)?;
        if taken == 0 {
            return Ok(());
        }
        pace.pass(taken);
        to.write_all(&buffer[..taken])?;
    }
}

fn read(mut from: &TcpStream, buffer: &mut [u8], told: &Told<'_>) -> io::Result<usize> {
    let taken = from.read(buffer);
    told(*taken.as_ref().unwrap_or(&0));
    taken
}
