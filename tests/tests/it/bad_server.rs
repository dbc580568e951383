//! Servers that do not give the pinned bytes, and what they are not to be given; single faults are in `faults`.

use cache_harness::testkit::{Body, Fault, Server};

use crate::pinned::{Pinned, project};
use crate::project::{Ended, Project};

/// A project whose one model `m` has one file of 1,000 bytes.
fn one_model(server: &Server) -> (Project, Pinned) {
    let model = Pinned::weights("m", 1, 1_000);
    (project("", &[&model], server), model)
}

/// That `restore m` failed and left neither a file in place nor a blob nor a partial; gives its last words after
/// `error: `, the address of the file being `URL`.
#[track_caller]
fn told(project: &Project, server: &Server, model: &Pinned, ended: &Ended) -> String {
    let address = format!("{}{}", server.url(), model.address("model.safetensors"));
    let stderr = ended.stderr.replace(&address, "URL");
    assert!(ended.code == Some(1) && !stderr.contains("panicked"), "{ended:?}");
    assert!(!project.snapshot("m").exists() && !project.blob(&model.digest(0)).exists(), "{stderr}");
    assert_eq!(project.cache().join("v1/partial").read_dir().unwrap().count(), 0, "{stderr}");
    let words = stderr.rsplit_once("error: ").map_or(stderr.as_str(), |(_, words)| words);
    let source = words.strip_prefix("no source of `model.safetensors` of model `m` gave its bytes: ");
    source.unwrap_or_else(|| panic!("{stderr}")).trim_end().to_owned()
}

#[test]
fn a_body_of_unknown_length_is_taken_up_to_the_pinned_size_and_no_further() {
    let server = Server::start().unwrap();
    let (project, model) = one_model(&server);
    let address = model.address("model.safetensors");
    server.fault(&address, Fault::Chunked);
    server.put(&address, Body::Generated { seed: 1, size: 50_000_000 });
    let message = told(&project, &server, &model, &project.run(&["restore", "m"]));
    assert!(message.contains("but 1000 are pinned"), "{message}");
    assert!(server.requests()[0].bytes_sent < 50_000_000, "{:?}", server.requests());
    model.serve(&server);
    project.run(&["restore", "m"]).succeeded();
}

#[test]
fn a_page_in_place_of_a_file_of_unpinned_size_is_caught_by_its_digest() {
    let server = Server::start().unwrap();
    let digest = Body::from(b"weights").digest().unwrap();
    let project = Project::new(&format!("[models.m]\nurls = [\"{}/m.bin\"]\nsha256 = \"{digest}\"\n", server.url()));
    server.put("/m.bin", b"weights");
    server.fault("/m.bin", Fault::HtmlOk);
    let ended = project.run(&["restore", "m"]);
    assert!(ended.code == Some(1) && ended.stderr.contains(&format!("but {digest} is pinned")), "{ended:?}");
    server.clear_faults("/m.bin");
    project.run(&["restore", "m"]).succeeded();
}

#[test]
fn what_may_pass_is_tried_again_and_counted() {
    let server = Server::start().unwrap();
    let (project, model) = one_model(&server);
    let address = model.address("model.safetensors");
    server.fault(&address, Fault::Status { code: 500, retry_after: None, times: 1 });
    server.fault(&address, Fault::CutAt { byte: 500, times: 1 });
    project.run(&["restore", "m"]).succeeded();
    assert_eq!((server.requests().len(), &project.json(&["report"])["retries"]), (3, &2.into()));
}

#[test]
fn a_token_goes_to_the_hub_and_not_where_the_hub_redirects() {
    const TOKEN: &str = "hf_this_is_the_token";
    let (hub, storage) = (Server::start().unwrap(), Server::start().unwrap());
    let (mut project, model) = one_model(&hub);
    project.set("HF_TOKEN", TOKEN);
    storage.put("/blob", model.files[0].1.clone());
    hub.fault(
        &model.address("model.safetensors"),
        Fault::RedirectTo(format!("{}/blob?signature=secret", storage.url())),
    );
    let ended = project.run(&["--verbose", "restore", "m"]).succeeded();
    let shown = |server: &Server| {
        let requests = server.requests();
        assert_eq!(requests.len(), 1);
        requests[0].header("Authorization").map(str::to_owned)
    };
    assert_eq!((shown(&hub), shown(&storage)), (Some(format!("Bearer {TOKEN}")), None));
    let request = format!("{:?}", storage.requests());
    assert!(!request.contains(TOKEN) && !(ended.stdout + &ended.stderr).contains(TOKEN), "{request}");
    // Neither the token nor a signature is ever written down.
    let mut grep = project.program("grep");
    let found = grep.args(["-rlE", &format!("{TOKEN}|signature")]).arg(project.home()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout), "");
}

#[test]
fn a_token_for_the_hub_is_not_shown_to_other_addresses_of_the_catalog() {
    let server = Server::start().unwrap();
    let digest = Body::from(b"weights").digest().unwrap();
    let mut project =
        Project::new(&format!("[models.m]\nurls = [\"{}/m.bin\"]\nsha256 = \"{digest}\"\n", server.url()));
    project.set("HF_TOKEN", "hf_this_is_the_token");
    server.put("/m.bin", b"weights");
    project.run(&["restore", "m"]).succeeded();
    assert_eq!(server.requests()[0].header("Authorization"), None);
}
