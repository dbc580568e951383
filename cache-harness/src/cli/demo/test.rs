//! One test of the demo, in a process of its own as under a test runner.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use crate::Cache;
use crate::error::{Error, Result};

/// Comes by one model and ends.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum DemoTest {
    /// As tests without a harness do: fetch the file, hope for the best.
    Download {
        /// The address, of a loopback server.
        url: String,
        /// The file to write.
        to: PathBuf,
    },
    /// As `#[cached_model]` does.
    Cached {
        /// Where the catalog is.
        project: PathBuf,
        /// The model's name there.
        model: String,
    },
}

impl DemoTest {
    /// Does it.
    pub(crate) fn run(&self) -> Result<()> {
        match self {
            Self::Download { url, to } => download(url, to).map_err(Error::io("download", to)),
            Self::Cached { project, model } => Cache::open(project)?.get(model).map(drop),
        }
    }
}

/// A plain GET. What arrives is the file: nobody compares it with anything.
fn download(url: &str, to: &Path) -> io::Result<()> {
    let incomplete = |what| io::Error::new(io::ErrorKind::InvalidData, what);
    let address = url.strip_prefix("http://").and_then(|address| address.split_once('/'));
    let (host, path) = address.ok_or_else(|| incomplete("the address is not http://HOST/PATH"))?;
    let mut stream = TcpStream::connect(host)?;
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    let mut answer = BufReader::new(stream);
    let mut line = String::new();
    answer.read_line(&mut line)?;
    if !line.starts_with("HTTP/1.1 200 ") {
        return Err(incomplete("the server has no such file"));
    }
    while !line.trim_end().is_empty() {
        line.clear();
        answer.read_line(&mut line)?;
    }
    io::copy(&mut answer.by_ref(), &mut File::create_new(to)?)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::{Body, Server};

    #[test]
    fn a_plain_download_has_the_servers_bytes() {
        let server = Server::start().unwrap();
        let body = Body::Generated { seed: 9, size: 300_000 };
        server.put("/model.bin", body.clone());
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("model.bin");
        download(&format!("{}/model.bin", server.url()), &to).unwrap();
        assert_eq!(Body::File(to).digest().unwrap(), body.digest().unwrap());
        assert!(download(&format!("{}/other.bin", server.url()), &folder.path().join("other")).is_err());
    }
}
