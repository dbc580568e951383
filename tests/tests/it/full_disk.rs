//! A full disk: a clear error, nothing lost, and well again once there is room.

use cache_harness::testkit::{Body, Server};

use crate::pinned::{Pinned, project};
use crate::project::{Ended, Project};

const SIZE: u64 = 8_000_000;

/// Runs a script of the shell with a disk of 8 MB mounted at `$DISK`, where cache and Hub layout are; none if that is
/// not permitted here. `restore NAME` puts the outcome or the message into `$STATE/NAME.out` and `.err`.
fn on_a_small_disk(project: &mut Project, script: &str) -> Option<Ended> {
    let disk = project.root().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let disk = disk.to_str().unwrap().to_owned();
    project.set("CACHE_HARNESS_DIR", format!("{disk}/cache"));
    project.set("HF_HOME", format!("{disk}/huggingface"));
    project.set("DISK", disk);
    project.set("CLI", env!("CARGO_BIN_EXE_cache-harness-cli"));
    let mut probe = project.program("unshare");
    probe.args(["--map-root-user", "--mount", "sh", "-c", "mount -t tmpfs none \"$DISK\""]);
    if !probe.output().is_ok_and(|output| output.status.success()) {
        println!("left out, as nothing may be mounted here: what happens on a full disk");
        return None;
    }
    let script = format!(
        "set -eu\nmount -t tmpfs -o size={SIZE} none \"$DISK\"\n\
         restore() {{ \"$CLI\" --json restore \"$1\" | sed -n 's/.*\"outcome\": \"\\(.*\\)\".*/\\1/p'; }}\n\
         fails() {{ if \"$CLI\" restore \"$1\"; then exit 9; else echo \"exit $?\"; fi; }}\n{script}"
    );
    let mut shell = project.program("unshare");
    shell.args(["--map-root-user", "--mount", "sh", "-c", &script]);
    Some(Ended::of(&shell.output().unwrap()))
}
#[test]
fn explore() {
    let server = Server::start().unwrap();
    let (small, large) = (Pinned::weights("small", 1, 1_000_000), Pinned::weights("large", 2, 4_000_000));
    let unknown = Body::Generated { seed: 3, size: 4_000_000 };
    let digest = unknown.digest().unwrap();
    server.put("/unknown.bin", unknown);
    let settings = format!("[models.unknown]\nurls = [\"{}/unknown.bin\"]\nsha256 = \"{digest}\"\n", server.url());
    let mut project = project(&settings, &[&small, &large], &server);
    let e = on_a_small_disk(
        &mut project,
        "restore small; head -c 5000000 /dev/zero > $DISK/filler; fails large; restore small; fails unknown; restore small; df $DISK; find $DISK -type f | xargs ls -la ; rm $DISK/filler; restore large; restore small; df $DISK;restore unknown; restore small; df $DISK",
    );
    let e = e.unwrap();
    println!("{}\n---\n{}\n{:?}", e.stdout, e.stderr, e.code);
    for r in server.requests() {
        println!("{} {}", r.path, r.bytes_sent);
    }
}
