//! A loopback HTTP server for tests: exact, deterministic, and faulty on request.
//!
//! Mock libraries cannot cut a body in the middle, lie about its length, or share one slow line
//! among all clients; this server does, on `std::net` and threads alone. It speaks what a model hub
//! speaks: HTTP/1.1 with keep-alive, `GET` and `HEAD`, strong `ETag`s, `Range` with `If-Range`, and
//! it keeps a log of every request, so that "one download, whoever asks" is something to count.
//!
//! What can go wrong with an answer is listed at [`Fault`]; [`Server::quota`] and [`Server::limit`] hold
//! for all paths together.
//!
//! ```text
//! connection ─ request ─┐
//!                       ├─ answer (a plan, pure) ─ connection sends it, as fast as the line allows
//! files, faults, quota ─┘                                  └─ log
//! ```
//!
//! # Examples
//!
//! ```
//! use cache_harness::testkit::{Body, Fault, Server};
//!
//! let server = Server::start()?;
//! let model = Body::Generated { seed: 7, size: 1_000_000 };
//! let pinned = model.digest()?;
//! server.put("/model.bin", model);
//! server.fault("/model.bin", Fault::CutAt { byte: 500_000, times: 1 });
//!
//! // … fetch `{server.url()}/model.bin`, expecting `pinned`, then ask what the server saw:
//! assert_eq!(server.requests().len(), 0);
//! # let _ = pinned;
//! # Ok::<(), std::io::Error>(())
//! ```

mod answer;
mod body;
mod connection;
mod content_range;
mod fault;
mod faults;
mod gzip;
mod held;
mod line;
mod log;
mod quota;
mod range;
mod request;
mod retry_header;
mod server;
mod traffic;
mod validator;

pub use body::{Body, generated};
pub use content_range::ContentRange;
pub use fault::Fault;
pub use line::Line;
pub use log::Received;
pub use retry_header::RetryHeader;
pub use server::Server;
pub use validator::Validator;
