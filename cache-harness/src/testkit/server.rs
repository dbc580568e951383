//! The server: what it holds, and the thread that takes connections.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::answer::Answer;
use super::body::Body;
use super::connection;
use super::fault::Fault;
use super::faults::Faults;
use super::held::Held;
use super::line::{Line, Pace};
use super::log::{Log, Received};
use super::quota::{Admission, Quota};
use super::request::Request;
use super::retry_header::RetryHeader;
use super::traffic::Traffic;

/// A loopback HTTP/1.1 server with a thread per connection. It stops on drop, which also breaks off the
/// transfers under way.
///
/// All methods may be called while it serves; what they change holds from the next request on, and
/// [`limit`](Self::limit) at once.
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    address: SocketAddr,
    accepting: Option<JoinHandle<()>>,
}

/// What the connections see of the server.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) log: Log,
    pub(super) pace: Pace,
    pub(super) stopping: AtomicBool,
    pub(super) traffic: Traffic,
    files: Mutex<HashMap<String, Held>>,
    faults: Faults,
    line: Mutex<Line>,
    quota: Mutex<Option<Quota>>,
    refused: AtomicUsize,
    answers: AtomicU64,
}

impl Server {
    /// Starts a server on a free port of the loopback interface.
    ///
    /// # Errors
    ///
    /// No port can be opened, or no thread started.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let accepting = thread::Builder::new().name("testkit".into()).spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        })?;
        Ok(Self { shared, address, accepting: Some(accepting) })
    }

    /// `http://127.0.0.1:PORT`, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Serves `body` at `path` (with its leading slash), in place of what was there. A query in a request
    /// is ignored unless `path` has it too. Paths that hold nothing answer 404.
    pub fn put(&self, path: &str, body: impl Into<Body>) {
        self.shared.files.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), body.into().into());
    }

    /// Lets something go wrong at `path`, after the faults it has already; see [`Fault`].
    pub fn fault(&self, path: &str, fault: Fault) {
        self.shared.faults.add(path, fault);
    }

    /// Ends all faults of `path`.
    pub fn clear_faults(&self, path: &str) {
        self.shared.faults.clear(path);
    }

    /// Limits the line to all clients; `Line::default()` lifts the limits.
    pub fn limit(&self, line: Line) {
        *self.shared.line.lock().unwrap_or_else(PoisonError::into_inner) = line;
    }

    /// Answers 429 with an empty body to every request beyond so many in each window of time, all paths
    /// and clients together. The first window begins now. `header` is how a refusal says when the present
    /// window ends. A refused request uses up no fault.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cache_harness::testkit::{RetryHeader, Server};
    /// # let server = Server::start()?;
    /// server.quota(10, Duration::from_secs(1), RetryHeader::Seconds);
    /// assert_eq!(server.refused(), 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn quota(&self, requests: u32, per: Duration, header: RetryHeader) {
        *self.shared.quota.lock().unwrap_or_else(PoisonError::into_inner) = Some(Quota::new(requests, per, header));
    }

    /// How many requests the [`quota`](Self::quota) has refused since the start.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.shared.refused.load(Ordering::Relaxed)
    }

    /// How many connections the server has taken since the start, open or not.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.traffic.connections()
    }

    /// The most answers that were under way at the same moment since the start: from the request's arrival
    /// (so with the [latency](Line::latency)) until the last bytes are handed to the system or a stall begins.
    /// Never more than the clients had asked for at once, unless one left in the middle of an answer: that
    /// counts until the server notices.
    #[must_use]
    pub fn peak(&self) -> usize {
        self.shared.traffic.peak()
    }

    /// Every request since the start or [`clear_log`](Self::clear_log), in the order of arrival. A client
    /// that has its answer finds its request here, with all bytes of the answer counted.
    #[must_use]
    pub fn requests(&self) -> Vec<Received> {
        self.shared.log.all()
    }

    /// Forgets the requests so far.
    pub fn clear_log(&self) {
        self.shared.log.clear();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Relaxed);
        // `accept` has no timeout: a connection wakes it, and it sees that the server stops.
        let woken = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
        if let (Ok(_), Some(accepting)) = (woken, self.accepting.take()) {
            let _ = accepting.join();
        }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Shared {
    pub(super) fn line(&self) -> Line {
        *self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer to `request`, which came at `moment`.
    pub(super) fn answer(&self, request: &Request, moment: Instant) -> io::Result<Answer> {
        let verdict = {
            let mut quota = self.quota.lock().unwrap_or_else(PoisonError::into_inner);
            quota.as_mut().map(|quota| quota.admit(moment))
        };
        let mut answer = match &verdict {
            Some(verdict) if verdict.admission == Admission::Refused => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                Answer::empty(429)
            }
            _ => self.admitted(request)?,
        };
        answer.headers.extend(verdict.into_iter().flat_map(|verdict| verdict.headers));
        Ok(answer)
    }

    fn admitted(&self, request: &Request) -> io::Result<Answer> {
        let (path, held) = {
            let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
            match files.get(&request.path) {
                Some(held) => (request.path.as_str(), Some(held.clone())),
                None => (request.plain_path(), files.get(request.plain_path()).cloned()),
            }
        };
        let size = held.as_ref().map(|held| held.body.size()).transpose()?;
        let fault = self.faults.take(path, request, size);
        let faults = fault.as_ref().map(Fault::single).unwrap_or_default();
        let serial = self.answers.fetch_add(1, Ordering::Relaxed);
        Answer::to(request, held.as_ref(), &faults, serial)
    }
}

/// Takes connections until the server stops, then ends those that are open.
fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    // Only the serving thread owns its stream: a second owner would keep open what a fault closes.
    let mut connections: Vec<(Weak<TcpStream>, JoinHandle<()>)> = Vec::new();
    for stream in listener.incoming() {
        if shared.stopping.load(Ordering::Relaxed) {
            break;
        }
        let Ok(stream) = stream.map(Arc::new) else { continue };
        let ours = Arc::downgrade(&stream);
        let number = shared.traffic.connect();
        let serving = thread::Builder::new().name("testkit connection".into()).spawn({
            let shared = Arc::clone(shared);
            move || connection::serve(&stream, number, &shared)
        });
        connections.retain(|(_, serving)| !serving.is_finished());
        connections.extend(serving.ok().map(|serving| (ours, serving)));
    }
    for (stream, serving) in connections {
        if let Some(stream) = stream.upgrade() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        let _ = serving.join();
    }
}
