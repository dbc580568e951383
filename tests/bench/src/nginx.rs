//! Debian's nginx on loopback: the same file at a plain address and at those of a Hub.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::project;
use crate::stage::Stage;

/// A running server; it ends with this value.
#[derive(Debug)]
pub(crate) struct Nginx {
    process: Child,
    pub(crate) port: u16,
    pub(crate) endpoint: String,
    /// Of `big.bin`.
    pub(crate) sha256: String,
}

impl Nginx {
    /// Serves a file of so many mebibytes as `big.bin`. It was just read, so that it comes from memory for everybody.
    pub(crate) fn with_file(stage: &Stage, mebibytes: u64) -> Outcome<Self> {
        let folder = stage.folder.join(format!("served-{mebibytes}"));
        std::fs::create_dir_all(&folder)?;
        let sha256 = project::big_file(stage, &folder.join("big.bin"), mebibytes)?;
        Self::start(stage, &folder, sha256)
    }

    /// Serves `folder`; below `/bench/<name>/resolve/<commit>/` are its files with the headers that Hub clients need.
    fn start(stage: &Stage, folder: &Path, sha256: String) -> Outcome<Self> {
        let own = stage.fresh("nginx")?;
        // Free when asked; nothing else here takes ports.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let (logs, folder) = (own.display(), folder.display());
        let text = format!(
            "daemon off; master_process off; pid {logs}/pid; error_log {logs}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off; sendfile on; tcp_nopush on; default_type application/octet-stream;
  client_body_temp_path {logs}/body; proxy_temp_path {logs}/proxy; fastcgi_temp_path {logs}/fastcgi;
  uwsgi_temp_path {logs}/uwsgi; scgi_temp_path {logs}/scgi;
  server {{
    listen 127.0.0.1:{port};
    root {folder};
    location ~ ^/bench/[^/]+/resolve/(?<commit>[0-9a-f]+)/(?<file>.+)$ {{
      alias {folder}/$file;
      add_header X-Repo-Commit $commit;
      add_header X-Linked-Etag '\"{sha256}\"';
    }}
  }}
}}
"
        );
        let configuration = own.join("nginx.conf");
        std::fs::write(&configuration, text)?;
        let mut command = stage.command("nginx");
        command.arg("-c").arg(&configuration).arg("-e").arg(own.join("error.log"));
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let process = process.map_err(|error| format!("nginx: {error}; tests/bench/run installs it"))?;
        let server = Self { process, port, endpoint: format!("http://127.0.0.1:{port}"), sha256 };
        wait(SocketAddr::from(([127, 0, 0, 1], port)))?;
        Ok(server)
    }
}

/// Waits until somebody listens.
fn wait(address: SocketAddr) -> io::Result<()> {
    let started = Instant::now();
    loop {
        match TcpStream::connect(address) {
            Err(error) if started.elapsed() > Duration::from_secs(10) => return Err(error),
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
            Ok(_) => return Ok(()),
        }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
