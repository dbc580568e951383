//! How the bytes of a file are shared out among streams: how many there are, and who brings what.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Download, SIGN_OF_LIFE};
use crate::error::Result;
use crate::fetch::filling::Flow;
use crate::fetch::host::Connection;
use crate::fetch::part::{Part, Role, lock};
use crate::fetch::plan::StreamId;
use crate::fetch::width::Facts;

/// A file with fewer bytes to come is fetched over one connection.
const WIDE: u64 = 16 << 20;
/// The smallest part that a further connection is opened for.
const LEAST_PART: u64 = 1 << 20;
/// The smallest part that one stream takes over from another.
const LEAST_STOLEN: u64 = 256 << 10;
/// How long a part should take at least: beyond that the pause between two parts does not count.
const PART_TAKES: Duration = Duration::from_secs(1);
/// A stream that would end sooner is left alone.
const WORTHWHILE: Duration = Duration::from_millis(200);
/// A stream that would take longer is ended if it is slower than the others.
const SLOW: Duration = Duration::from_secs(2);
/// A stream that brings nothing for this long is ended if others can bring its bytes.
const STANDSTILL: Duration = Duration::from_secs(3);

/// How soon a stream counts as slow: twice as late with each that was ended for it while little came. Else a server
/// that takes longer than that for every answer would be asked for ever.
#[derive(Debug, Default)]
pub(super) struct Haste {
    ended: u32,
    /// Bytes that had come by then.
    bytes: u64,
}

impl Haste {
    fn later(&self, least: Duration) -> Duration {
        least * (1 << self.ended.min(10))
    }

    fn count(&mut self, bytes: u64) {
        self.ended = if bytes >= self.bytes + WIDE { 1 } else { self.ended + 1 };
        self.bytes = bytes;
    }
}

impl Download {
    /// Opens streams until there are as many as there should be.
    pub(super) fn open(&mut self) {
        while self.running.len() < self.width.wanted() {
            let role = if self.running.is_empty() { Role::Alone } else { Role::Further };
            let Some(source) = self.choose(role) else { break };
            let connection = match role {
                Role::Alone => None,
                Role::Further => match self.further_connection(source) {
                    Some(connection) => Some(connection),
                    None => break,
                },
            };
            if !self.start(role, source, connection) {
                break;
            }
        }
    }

    /// The source to ask next.
    fn choose(&self, role: Role) -> Option<usize> {
        let load = |index| self.running.iter().filter(|(_, source, _)| *source == index).count();
        match role {
            Role::Alone => self.sources.first(),
            Role::Further if Instant::now() < self.crowded_until => None,
            Role::Further => self.sources.least_loaded(load),
        }
    }

    fn further_connection(&mut self, source: usize) -> Option<Connection> {
        let resolved = self.filling().learnt.get(source).and_then(|learnt| learnt.resolved.clone());
        let url = resolved.or_else(|| self.sources.get(source).address.url.parse().ok())?;
        let connection = self.clients.hosts.of(&url).further_connection();
        if connection.is_none() {
            self.crowded_until = Instant::now() + SIGN_OF_LIFE;
        }
        connection
    }

    /// Starts a stream; false if there is nothing for it to bring.
    fn start(&mut self, role: Role, source: usize, connection: Option<Connection>) -> bool {
        let stream = self.next;
        let portion = self.portion(source);
        let range = {
            let mut filling = self.filling();
            filling.portion = portion;
            filling.plan.shorten(portion);
            filling.plan.take(stream, portion)
        };
        let Some(range) = range.or_else(|| self.steal(stream, role)) else { return false };
        self.next += 1;
        let candidate = self.sources.get(source);
        let part = Part {
            stream,
            source,
            address: candidate.address.clone(),
            role,
            range,
            is_whole: !candidate.serves_parts,
            connection,
            longest_wait: self.sources.longest_wait(),
        };
        let now = Instant::now();
        let flow = Flow { source, since: now, last: now, bytes: 0 };
        self.filling().flows.insert(stream, flow);
        let (clients, filling) = (Arc::clone(&self.clients), Arc::clone(&self.filling));
        let handle = self.streams.spawn(part.bring(clients, filling));
        self.running.push((stream, source, handle));
        true
    }

    /// How many bytes a stream is asked for at once: enough for the pause before the next part not to count, and yet
    /// so few that all streams end together.
    fn portion(&self, source: usize) -> u64 {
        let wanted = self.width.wanted();
        if wanted == 1 {
            return u64::MAX;
        }
        let filling = self.filling();
        let delay = filling.learnt.get(source).map_or(Duration::ZERO, |learnt| learnt.delay);
        let takes = PART_TAKES.max(delay * 40);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive number of bytes")]
        let lasting = (self.width.each() * takes.as_secs_f64()) as u64;
        (filling.plan.lacking().unwrap_or(0) / wanted as u64).min(lasting).max(LEAST_PART)
    }

    /// Takes over half of what the stream that would end last is to bring.
    fn steal(&mut self, thief: StreamId, role: Role) -> Option<Range<u64>> {
        if role == Role::Alone {
            return None;
        }
        let last = self.last_to_end()?;
        if last.seconds < WORTHWHILE.as_secs_f64() {
            return None;
        }
        self.filling().plan.steal(thief, last.stream, LEAST_STOLEN)
    }

    /// The stream that would end last.
    fn last_to_end(&self) -> Option<Last> {
        let (usual, slow) = (self.usual(), self.haste.later(SLOW));
        let filling = self.filling();
        let last = |(stream, flow): (&StreamId, &Flow)| {
            let expected = filling.plan.expected(*stream);
            let elapsed = flow.since.elapsed();
            // One that has just begun is not known to be slow.
            let rate = if elapsed < slow { usual } else { decimal(flow.bytes) / elapsed.as_secs_f64() };
            let seconds = decimal(expected.end - expected.start) / rate.max(1.0);
            Last { stream: *stream, source: flow.source, seconds, is_slow: rate < usual / 4.0 }
        };
        filling.flows.iter().map(last).max_by(|one, other| one.seconds.total_cmp(&other.seconds))
    }

    /// Bytes a second of a stream: of those that are over, as who is left may be the slow one.
    fn usual(&self) -> f64 {
        let (bytes, time) = self.over;
        if time.is_zero() { self.width.each().max(1.0) } else { (decimal(bytes) / time.as_secs_f64()).max(1.0) }
    }

    /// Looks at what came, and decides how many streams there should be.
    pub(super) fn observe(&mut self) -> Result<()> {
        let now = Instant::now();
        let (facts, is_wide) = {
            let mut filling = lock(&self.filling);
            filling.record_in_time()?;
            let lacking = filling.plan.lacking();
            let flowing = filling.flows.values().filter(|flow| flow.bytes > 0).count();
            let delay = filling.learnt.iter().map(|learnt| learnt.delay).max().unwrap_or_default();
            let facts = Facts { now, bytes: filling.effort.bytes, lacking: lacking.unwrap_or(0), flowing, delay };
            (facts, self.width.wanted() > 1 || lacking.is_some_and(|lacking| lacking >= WIDE))
        };
        if is_wide && self.sources.any_serves_parts() {
            self.width.observe(facts);
        }
        let is_flowing = self.filling().flows.values().any(|flow| flow.last.elapsed() < SIGN_OF_LIFE);
        if is_flowing {
            self.sign();
        }
        self.end_standing(now);
        self.end_slow();
        Ok(())
    }

    /// Ends streams that stand still, where others can bring their bytes.
    fn end_standing(&mut self, now: Instant) {
        if self.width.wanted() == 1 {
            return;
        }
        let patience = self.haste.later(STANDSTILL);
        let stands = |flow: &Flow| flow.bytes > 0 && now.duration_since(flow.last) >= patience;
        let standing: Vec<_> =
            self.filling().flows.iter().filter(|(_, flow)| stands(flow)).map(|(stream, _)| *stream).collect();
        self.take_from(&standing);
    }

    /// Ends the stream that would end last if it is slow, and others have nothing else to bring, or there are none.
    fn end_slow(&mut self) {
        let is_alone = self.running.len() == 1;
        let others_wait = self.running.len() < self.width.wanted() && self.filling().plan.is_all_taken();
        if self.over.1.is_zero() || !(is_alone || others_wait) {
            return;
        }
        let is_slow = |last: &Last| last.is_slow && last.seconds >= SLOW.as_secs_f64();
        if let Some(last) = self.last_to_end().filter(is_slow).filter(|last| self.sources.get(last.source).serves_parts)
        {
            self.take_from(&[last.stream]);
        }
    }

    /// Ends streams, for others to bring what they were to.
    fn take_from(&mut self, streams: &[StreamId]) {
        for stream in streams {
            self.end(*stream);
            self.filling().effort.retries += 1;
        }
        if !streams.is_empty() {
            let bytes = self.filling().effort.bytes;
            self.haste.count(bytes);
        }
    }
}

/// The stream that would end last.
struct Last {
    stream: StreamId,
    source: usize,
    seconds: f64,
    is_slow: bool,
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn decimal(bytes: u64) -> f64 {
    bytes as f64
}
