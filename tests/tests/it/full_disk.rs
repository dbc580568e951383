//! A full disk: a clear error, nothing lost, and well again once there is room.

use cache_harness::testkit::{Body, Server};

use crate::pinned::{Pinned, project};
use crate::project::{Ended, Project, left_out};

const SIZE: u64 = 8_000_000;

/// Runs a script of the shell with a disk of 8 MB mounted at `$DISK`, where cache and Hub layout are; none if that is
/// not permitted here. `restore NAME` prints the outcome, and
/// `fails NAME` the exit code.
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
        left_out("what happens on a full disk", "nothing may be mounted here");
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
fn a_full_disk_is_a_clear_error_costs_no_other_model_and_is_well_again_with_room() {
    let server = Server::start().unwrap();
    let (small, large) = (Pinned::weights("small", 1, 1_000_000), Pinned::weights("large", 2, 4_000_000));
    // Its size is not pinned, so that only writing it shows that it does not fit.
    let unsized_file = Body::Generated { seed: 3, size: 4_000_000 };
    let digest = unsized_file.digest().unwrap();
    server.put("/unsized.bin", unsized_file);
    let settings = format!("[models.unsized]\nurls = [\"{}/unsized.bin\"]\nsha256 = \"{digest}\"\n", server.url());
    let mut project = project(&settings, &[&small, &large], &server);
    let script = "
        restore small
        head -c 5000000 /dev/zero > \"$DISK/filler\"
        fails large
        fails unsized
        restore small
        find \"$DISK/cache/v1/partial\" -name '*.part' | wc -l
        rm \"$DISK/filler\"
        restore large
        restore small
        rm -r \"$DISK/huggingface\"
        head -c 3000000 /dev/zero > \"$DISK/filler\" || true
        \"$CLI\" evict large --yes > /dev/null 2>&1
        rm \"$DISK/filler\"
        restore unsized";
    let Some(ended) = on_a_small_disk(&mut project, script) else { return };
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.stdout, "miss\nexit 1\nexit 1\nhit\n1\nmiss\nhit\nmiss\n", "{ended:?}");
    for part in [
        "free, but 4.00 MB (4000000 bytes) are needed\nhint: `cache-harness prune` frees what is unused",
        ".part` has 0 B (0 bytes) free, but ",
    ] {
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
    }
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    let refused = server.requests().iter().filter(|request| request.path == large.address("model.safetensors")).count();
    assert_eq!(refused, 1, "what does not fit is refused before its first byte");
}
