//! Who downloads: each program with the arguments that make it fetch the file, and verify it where it can.
//!
//! Ours ends with the file on the disk (`fsync`), a peer's file may still be in memory.

use crate::contestant::{Contestant, Leaves};
use crate::project::{Connections, Project};
use crate::stage::{Profile, Stage};
use crate::{Outcome, measure};

/// The file that everybody fetches: `big.bin` at this endpoint.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Download<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) endpoint: &'a str,
    pub(crate) sha256: &'a str,
}

impl Download<'_> {
    fn url(self) -> String {
        format!("{}/big.bin", self.endpoint)
    }

    /// With a shell that has the folder as `$0`, the URL as `$1` and the digest as `$2`.
    fn shell(self, name: &str, script: &str) -> Contestant {
        let folder = self.stage.folder.join("download-curl");
        let mut command = self.stage.command("sh");
        command.args(["-c", script]).arg(&folder).arg(self.url()).arg(self.sha256);
        Contestant::new(name, command, Leaves::Path(folder))
    }

    /// What everybody is measured by. It verifies nothing.
    pub(crate) fn curl(self) -> Contestant {
        self.shell("curl -o", "exec curl -s -o \"$0/big.bin\" \"$1\"")
    }

    pub(crate) fn curl_and_sync(self) -> Contestant {
        self.shell("curl, then sync of the file", "curl -s -o \"$0/big.bin\" \"$1\" && sync \"$0/big.bin\"")
    }

    pub(crate) fn curl_and_openssl(self) -> Contestant {
        self.shell("curl, then openssl", "curl -s -o \"$0/big.bin\" \"$1\" && openssl dgst -sha256 \"$0/big.bin\"")
    }

    pub(crate) fn curl_and_sha256sum(self) -> Contestant {
        let script = "curl -s -o \"$0/big.bin\" \"$1\" && echo \"$2  $0/big.bin\" | sha256sum --check --quiet";
        self.shell("curl, then sha256sum", script)
    }

    /// It splits a file only where each connection has at least `-k` of it, 20 MiB if not told.
    pub(crate) fn aria2(self, connections: u32) -> Contestant {
        let folder = self.stage.folder.join("download-aria2");
        let mut command = self.stage.command("aria2c");
        command.args(["--no-conf", "-q", "-k1M", "--file-allocation=falloc"]);
        command.args([format!("-x{connections}"), format!("-s{connections}")]);
        command.arg(format!("--checksum=sha-256={}", self.sha256)).arg("-d").arg(&folder).arg(self.url());
        Contestant::new(format!("aria2c -x{connections} -s{connections}"), command, Leaves::Path(folder))
    }

    pub(crate) fn ours(self, profile: Profile, connections: Connections) -> Outcome<Contestant> {
        let name = format!("ours, {}{}", profile.label(), connections.label());
        let project = Project::of_url(self.stage, &name, &self.url(), self.sha256, connections)?;
        let command = project.restore(self.stage, &self.stage.harness(profile)?, "big");
        Ok(Contestant::new(name, command, Leaves::Project(project)))
    }

    pub(crate) fn hf_hub(self) -> Outcome<Contestant> {
        let folder = self.stage.folder.join("download-peer");
        let mut command = self.stage.command(self.stage.peer()?);
        command.args(["hf-hub", "fetch"]).arg(&folder).arg(self.endpoint);
        Ok(Contestant::new("hf-hub 1.0 (checks nothing)", command, Leaves::Path(folder)))
    }

    pub(crate) fn cacache(self) -> Outcome<Contestant> {
        let folder = self.stage.folder.join("download-peer");
        let mut command = self.stage.command(self.stage.peer()?);
        command.arg("cacache").arg(&folder).arg(self.url()).arg(self.integrity()?);
        Ok(Contestant::new("cacache 13 over ureq", command, Leaves::Path(folder)))
    }

    pub(crate) fn pooch(self) -> Contestant {
        let folder = self.stage.folder.join("download-peer");
        let mut command = self.stage.pooch();
        command.arg(self.url()).arg(self.sha256).arg(&folder);
        Contestant::new("pooch 1.9", command, Leaves::Path(folder))
    }

    /// The digest as cacache wants it.
    fn integrity(self) -> Outcome<String> {
        let script = "printf \"$0\" | tr a-f A-F | basenc --base16 -d | base64 -w0";
        let base64 = measure::done(self.stage.command("sh").args(["-c", script, self.sha256]))?;
        Ok(format!("sha256-{}", String::from_utf8(base64.stdout)?))
    }
}
