//! The server: what it holds, and the thread that takes connections.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::answer::Answer;
use super::body::Body;
use super::connection;
use super::fault::{Fault, Faults};
use super::line::{Line, Pace};
use super::log::{Log, Received};
use super::request::Request;

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
    files: Mutex<HashMap<String, Body>>,
    faults: Faults,
    line: Mutex<Line>,
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
        self.shared.files.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), body.into());
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

    pub(super) fn answer(&self, request: &Request) -> io::Result<Answer> {
        let without_query = request.path.split_once('?').map_or(request.path.as_str(), |(path, _)| path);
        let (path, body) = {
            let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
            match files.get(&request.path) {
                Some(body) => (request.path.as_str(), Some(body.clone())),
                None => (without_query, files.get(without_query).cloned()),
            }
        };
        Answer::to(request, body.as_ref(), self.faults.take(path).as_ref())
    }
}

/// Takes connections until the server stops, then ends those that are open.
fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut connections: Vec<(TcpStream, JoinHandle<()>)> = Vec::new();
    for stream in listener.incoming() {
        if shared.stopping.load(Ordering::Relaxed) {
            break;
        }
        let Ok(stream) = stream else { continue };
        let Ok(ours) = stream.try_clone() else { continue };
        let serving = thread::Builder::new().name("testkit connection".into()).spawn({
            let shared = Arc::clone(shared);
            move || connection::serve(&stream, &shared)
        });
        connections.retain(|(_, serving)| !serving.is_finished());
        connections.extend(serving.ok().map(|serving| (ours, serving)));
    }
    for (stream, serving) in connections {
        let _ = stream.shutdown(Shutdown::Both);
        let _ = serving.join();
    }
}
